// A finding of the doctor: the state of one thing, and how to fix it. Not for how anything is checked.
import type { Config } from '../../config/options.ts'
import type { Environment } from '../../config/sources.ts'

export type State = 'ok' | 'warning' | 'problem'

/** `fix` is a command to run or a setting to change; null if nothing needs to be fixed, or nothing can be. */
export type Finding = { check: string; state: State; message: string; fix: string | null }

/** What the checks examine. */
export type DoctorContext = {
  config: Config
  environment: Environment
  /** Whether to fix what can be fixed without confirmation. */
  appliesFixes: boolean
}

export type Check = {
  name: string
  /** Shown while the check runs. */
  doing: string
  examine(context: DoctorContext): Promise<Finding[]>
}

export const ok = (check: string, message: string): Finding => ({ check, state: 'ok', message, fix: null })

export const warning = (check: string, message: string, fix: string | null = null): Finding => ({
  check,
  state: 'warning',
  message,
  fix,
})

export const problem = (check: string, message: string, fix: string | null = null): Finding => ({
  check,
  state: 'problem',
  message,
  fix,
})

export const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error ? String(error.code) : null
