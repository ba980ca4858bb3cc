// The command `login`: runs the login of the claude that the server would use, on this terminal. It passes the terminal through, so that
// nothing of this program sees what is entered or answered there. Not for whether that claude is logged in (see commands/doctor/claude.ts).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { childEnvironment, withPathOutside } from '../../claude/cli/environment.ts'
import { Executable } from '../../claude/cli/executable.ts'
import { processEnvironment } from '../../config/load.ts'
import type { Environment } from '../../config/sources.ts'
import { shellWord } from '../../platform/installation.ts'
import { CommandError, type ExitCode, type LocationFlags, note, runCommand, settingsFor } from '../command.ts'
import { browserEnvironment } from '../open/browser.ts'

export type LoginFlags = LocationFlags & { claudeBin?: string }

/** With one of these set, the CLI does not use the login that it stores. */
const preferred = ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN']

export function logIn(words: readonly string[], flags: LoginFlags): Promise<ExitCode> {
  return runCommand('login', async () => {
    const { claudeBin, cwdRoots } = settingsFor(flags, { claudeBin: flags.claudeBin })
    const environment = processEnvironment()
    const roots = cwdRoots ?? []
    const executable = new Executable(claudeBin, withPathOutside(environment, roots), { roots })
    const { path } = await executable.claude()
    const code = await runLogin(path, words, environment)
    if (code !== 0) throw new CommandError(`${shellWord(path)} auth login ended with ${code}: nothing was changed here`)
    for (const name of preferred.filter((each) => environment[each])) {
      note(`${name} is set in this shell: a claude that starts here uses it in preference to this login`)
    }
  })
}

/** The exit code, or the name of the signal that ended it. Ctrl-C is the login's own: it ends itself, and then this command. */
async function runLogin(path: string, words: readonly string[], environment: Environment): Promise<number | string> {
  const ignore = () => {}
  process.on('SIGINT', ignore)
  try {
    const child = spawn(path, ['auth', 'login', ...words], {
      stdio: 'inherit',
      env: { ...browserEnvironment(environment), ...childEnvironment(environment) },
    })
    const [code, signal] = await once(child, 'exit')
    return code ?? signal
  } finally {
    process.off('SIGINT', ignore)
  }
}
