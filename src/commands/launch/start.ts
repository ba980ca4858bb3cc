// Starts a client in the user's terminal, and ends when it does. Not for the processes that a server starts (see ../agent).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Environment } from '../../config/sources.ts'
import { CommandError, note } from '../command.ts'
import type { Start } from './client.ts'

/** Gives 0 where it ended well. Throws CommandError where it cannot be started. */
export async function start(wanted: Start, words: readonly string[], own: Environment): Promise<0 | 1> {
  const left = Object.entries(own).filter(([name]) => !wanted.without.includes(name))
  // A program of the user's, in the user's terminal: it gets what it would get from the shell.
  const environment = { ...Object.fromEntries(left), ...wanted.environment }
  note(`starting ${[wanted.program, ...wanted.words].join(' ')}`)
  const child = spawn(wanted.program, [...wanted.words, ...words], { stdio: 'inherit', env: environment })
  const passOn = (signal: NodeJS.Signals) => void child.kill(signal)
  // Ctrl-C reaches the client from the terminal by itself.
  const ignore = () => {}
  process.on('SIGINT', ignore).on('SIGTERM', passOn).on('SIGHUP', passOn)
  try {
    const [code] = await once(child, 'exit')
    return code === 0 ? 0 : 1
  } catch (fault) {
    throw new CommandError(`${wanted.program} cannot be started (${describe(fault)}): ${wanted.install}`)
  } finally {
    process.off('SIGINT', ignore).off('SIGTERM', passOn).off('SIGHUP', passOn)
  }
}

function describe(fault: unknown): string {
  const code = fault instanceof Error && 'code' in fault ? fault.code : fault
  return code === 'ENOENT' ? 'it is not on PATH' : String(code)
}
