// A person at a terminal, for commands that read what is typed: the process has a pseudo terminal (`script` of util-linux), the test types
// and waits for what appears. Not for commands that only print (see runOnTerminal of command-process.ts).
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { TestFolders } from '../helpers/test-server.ts'
import { cli, environmentOf, quoted, type RunOptions } from './command-process.ts'

export const ctrlC = '\u0003'
export const ctrlD = '\u0004'
export const up = '\u001b[A'
export const enter = '\r'

export type TypingOptions = RunOptions & {
  /** A file that stdout is written to; the terminal by default. */
  stdout?: string
}

export class Typing {
  readonly child: ChildProcess
  readonly #exit: Promise<number | string | null>
  /** Everything that has appeared. */
  raw = ''
  /** The part of `raw` that was waited for. */
  #seen = 0

  constructor(folders: TestFolders, words: readonly string[], options: TypingOptions = {}) {
    const { NO_COLOR, ...plain } = environmentOf(folders)
    const redirection = options.stdout === undefined ? '' : ` > ${quoted(options.stdout)}`
    // The terminal is as wide as the longest line, so that none is wrapped.
    const command = `stty cols 2000 rows 50; exec ${[process.execPath, cli, ...words].map(quoted).join(' ')}${redirection}`
    this.child = spawn('script', ['-qefc', command, '/dev/null'], {
      cwd: options.cwd ?? folders.cwd,
      env: { ...plain, TERM: 'xterm', SHELL: '/bin/sh', ...options.environment },
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text) => {
      this.raw += text
    })
    this.#exit = once(this.child, 'close').then(([code, signal]) => code ?? signal)
  }

  type(text: string): void {
    this.child.stdin?.write(text)
  }

  /** Resolves with the text up to and including what was awaited, once it has appeared after what was awaited before. */
  async until(wanted: RegExp | string): Promise<string> {
    for (;;) {
      const fresh = this.raw.slice(this.#seen)
      const end = endOf(wanted, fresh)
      if (end !== null) {
        this.#seen += end
        return visible(fresh.slice(0, end))
      }
      const isClosed = await Promise.race([
        once(this.child.stdout as NodeJS.ReadableStream, 'data').then(() => false),
        this.#exit.then(() => true),
      ])
      if (isClosed && endOf(wanted, this.raw.slice(this.#seen)) === null)
        assert.fail(`ended without ${wanted}: ${this.raw}`)
    }
  }

  /** The exit code. */
  exit(): Promise<number | string | null> {
    return this.#exit
  }

  get rest(): string {
    return visible(this.raw.slice(this.#seen))
  }
}

function endOf(wanted: RegExp | string, text: string): number | null {
  if (typeof wanted === 'string') return text.includes(wanted) ? text.indexOf(wanted) + wanted.length : null
  const found = wanted.exec(text)
  return found === null ? null : found.index + found[0].length
}

const visible = (text: string) => stripVTControlCharacters(text).replaceAll('\r', '')

/** Killed at the end of the test if it is still running. */
export function startTyping(
  t: TestContext,
  folders: TestFolders,
  words: readonly string[],
  options?: TypingOptions,
): Typing {
  const typing = new Typing(folders, words, options)
  t.after(async () => {
    typing.child.kill('SIGKILL')
    await typing.exit()
  })
  return typing
}
