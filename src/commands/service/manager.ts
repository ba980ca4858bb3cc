// What the command `service` needs from a service manager (systemd or launchd), and how the manager's program is called.
import { execFile } from 'node:child_process'
import { processEnvironment } from '../../config/load.ts'
import { oneLine } from '../terminal-text.ts'
import type { Plan } from './plan.ts'

export type ManagerCall = { words: readonly string[]; mayFail?: boolean }

export type Manager = {
  /** The path of the service's file. */
  file: string
  /** Links that may be left behind if the manager cannot be reached. */
  links: readonly string[]
  /** The content of the file. Throws CommandError for a value that it cannot contain. */
  text(plan: Plan): string
  /** `isInstalled`: an older service may be running. */
  start(isInstalled: boolean): readonly ManagerCall[]
  stop: readonly ManagerCall[]
  /** Called once the file has been removed. */
  afterRemoval: readonly ManagerCall[]
  /** In the manager's own words; null if it does not report them. */
  state(): Promise<{ enabled: string | null; state: string | null }>
  activeState: string
  /** Hints for the user once it runs. */
  afterwards: string
}

/** Variables by which the managers' programs find the user's session. */
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

/** `error` is null on success. */
export type ToolResult = { stdout: string; error: string | null }

export function runTool(words: readonly string[]): Promise<ToolResult> {
  const [program = '', ...rest] = words
  const environment = processEnvironment()
  const env = Object.fromEntries(passedOn.map((name) => [name, environment[name]]))
  return new Promise((resolve) => {
    execFile(program, rest, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      const reason =
        error?.code === 'ENOENT' ? `${program} does not exist` : oneLine(stderr) || oneLine(error?.message ?? '')
      resolve({ stdout, error: error === null ? null : reason })
    })
  })
}
