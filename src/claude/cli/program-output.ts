// Runs a program for what it prints, such as `claude --version`, for a limited time. Not for the CLI's own processes
// (claude/process/cli-process.ts).
import { spawn } from 'node:child_process'
import { parse } from 'node:path'

/**
 * A folder without settings: in the folder where the server was started, a project's settings could change what the CLI
 * reports.
 */
const neutralFolder = parse(process.cwd()).root

const outputCharsMax = 64 * 1024

/** How long the last words of a program that has ended are waited for, in milliseconds. */
const lastWordsMs = 500

export type ProgramOptions = {
  environment: Record<string, string | undefined>
  timeoutMs: number
  signal?: AbortSignal
}

export type ProgramOutput = { stdout: string; code: number | null }

/**
 * Resolves when the program has ended, whatever it leaves running. One that takes longer than `timeoutMs`, or is not wanted any more (`signal`), is killed, with what
 * it has started in its process group, and is not waited for: what it leaves behind may hold its output open.
 */
export function programOutput(
  path: string,
  args: readonly string[],
  { environment, timeoutMs, signal }: ProgramOptions,
): Promise<ProgramOutput> {
  return new Promise((resolve, reject) => {
    const hasGroups = process.platform !== 'win32'
    const child = spawn(path, args, {
      cwd: neutralFolder,
      env: environment as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: hasGroups,
      windowsHide: true,
    })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(0, outputCharsMax)
    })
    const kill = (reason: Error) => {
      try {
        if (child.pid !== undefined) process.kill(hasGroups ? -child.pid : child.pid, 'SIGKILL')
      } catch {
        // It has just ended by itself.
      }
      child.stdout.destroy()
      reject(reason)
    }
    const late = () => kill(new Error(`\`${args.join(' ')}\` did not end within ${timeoutMs / 1000} s`))
    const onAbort = () => kill(new Error(`\`${args.join(' ')}\` is not wanted any more`))
    const timer = setTimeout(late, timeoutMs)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted) onAbort()
    let lastWords: NodeJS.Timeout | undefined
    const settle = () => {
      clearTimeout(timer)
      clearTimeout(lastWords)
      signal?.removeEventListener('abort', onAbort)
    }
    child.once('error', (error) => {
      settle()
      reject(error)
    })
    const end = (code: number | null) => {
      settle()
      child.stdout.destroy()
      resolve({ stdout, code })
    }
    child.once('close', end)
    child.once('exit', (code) => {
      lastWords = setTimeout(() => end(code), lastWordsMs)
    })
  })
}
