// What the doctor says of one thing: how it is, and what mends it. Not for how any of it is found out.
import type { Config } from '../../config/options.ts'
import type { Environment } from '../../config/sources.ts'

export type State = 'ok' | 'warning' | 'problem'

/** `fix` is a command, or a setting to give; null where nothing needs mending or can be mended. */
export type Finding = { check: string; state: State; message: string; fix: string | null }

/** What is looked at. */
export type DoctorContext = {
  config: Config
  environment: Environment
  /** Whether what can be mended without asking is to be mended. */
  fixes: boolean
}

export type Check = {
  name: string
  /** What is said while it is looked at. */
  doing: string
  examine(patient: DoctorContext): Promise<Finding[]>
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

/** A path as a shell takes it. */
export const quoted = (path: string): string =>
  /^[\w./@:+~-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`

export const reasonOf = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault))

export const codeOf = (fault: unknown): string | null =>
  fault instanceof Error && 'code' in fault ? String(fault.code) : null
