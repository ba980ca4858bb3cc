// Starts a client in the user's terminal and waits for it to exit. Not for the processes that the server starts.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Environment } from '../../config/sources.ts'
import { CommandError, note } from '../command.ts'
import type { Start } from './client.ts'

/** Returns 0 if the client exits with 0. Throws CommandError if it cannot be started. */
export async function start(wanted: Start, args: readonly string[], inherited: Environment): Promise<0 | 1> {
  const remaining = Object.entries(inherited).filter(([name]) => !wanted.without.includes(name))
  // It is the user's program in the user's terminal, so it gets the environment that the shell would give it.
  const environment = { ...Object.fromEntries(remaining), ...wanted.environment }
  note(`starting ${[wanted.program, ...wanted.args].join(' ')}`)
  const child = spawn(wanted.program, [...wanted.args, ...args], { stdio: 'inherit', env: environment })
  const forward = (signal: NodeJS.Signals) => void child.kill(signal)
  // The terminal itself sends Ctrl-C to the client.
  const ignore = () => {}
  process.on('SIGINT', ignore).on('SIGTERM', forward).on('SIGHUP', forward)
  try {
    const [code] = await once(child, 'exit')
    return code === 0 ? 0 : 1
  } catch (error) {
    throw new CommandError(
      `${wanted.program} cannot be started (${describe(error)}); install it with: ${wanted.install}`,
    )
  } finally {
    process.off('SIGINT', ignore).off('SIGTERM', forward).off('SIGHUP', forward)
  }
}

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : error
  return code === 'ENOENT' ? 'it is not on PATH' : String(code)
}
