// What the command `service` needs of the program that runs services, and how that program is called.
import { execFile } from 'node:child_process'
import { processEnvironment } from '../../config/load.ts'
import { oneLine } from '../terminal-text.ts'
import type { Plan } from './plan.ts'

export type ManagerCall = { words: readonly string[]; mayFail?: boolean }

export type Manager = {
  /** Where the service's file belongs. */
  file: string
  /** What may be left beside it where the manager cannot be asked. */
  links: readonly string[]
  /** Throws CommandError for what cannot be written there. */
  text(plan: Plan): string
  /** `isThere`: an older one may be running. */
  start(isThere: boolean): readonly ManagerCall[]
  stop: readonly ManagerCall[]
  /** After the file is gone. */
  forget: readonly ManagerCall[]
  /** In the manager's own words; null where it does not tell. */
  state(): Promise<{ enabled: string | null; state: string | null }>
  activeState: string
  /** What to know once it runs. */
  afterwards: string
}

/** These programs find the user's session by them. */
const passedOn = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'LANG',
  'XDG_RUNTIME_DIR',
  'XDG_CONFIG_HOME',
  'DBUS_SESSION_BUS_ADDRESS',
]

/** `fault` is null where it went well. */
export type ToolResult = { stdout: string; fault: string | null }

export function runTool(words: readonly string[]): Promise<ToolResult> {
  const [program = '', ...rest] = words
  const environment = processEnvironment()
  const env = Object.fromEntries(passedOn.map((name) => [name, environment[name]]))
  return new Promise((resolve) => {
    execFile(program, rest, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      const why =
        error?.code === 'ENOENT' ? `${program} is not there` : oneLine(stderr) || oneLine(error?.message ?? '')
      resolve({ stdout, fault: error === null ? null : why })
    })
  })
}
