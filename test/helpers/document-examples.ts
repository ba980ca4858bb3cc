// Finds the examples in the documents, and runs those of a page as a reader would: its shell blocks one after the other in one shell, against
// a test server. For the tests of the README, of docs/ and of the pages about clients; not for what a particular example must answer.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { compileCache } from './compile-cache.ts'
import type { TestServer } from './test-server.ts'

export const repository = join(import.meta.dirname, '../..')

export type Example = {
  file: string
  /** The line of the fence, counted from 1. */
  line: number
  language: string
  text: string
  /** Why no test runs it, from `<!-- not run: … -->` in the line above; null if it is run. */
  notRun: string | null
}

/** All code blocks of a document, in order; `file` is relative to the repository. */
export function examplesOf(file: string): Example[] {
  const examples: Example[] = []
  let open: Example | null = null
  const lines = readFileSync(join(repository, file), 'utf8').split('\n')
  for (const [index, line] of lines.entries()) {
    const [fence, language = ''] = /^```(\w*)$/.exec(line) ?? []
    if (open === null && fence !== undefined) {
      const [, reason = null] = /^<!-- not run: (.*)-->$/.exec(lines[index - 1] ?? '') ?? []
      open = { file, line: index + 1, language, text: '', notRun: reason?.trim() ?? null }
    } else if (open !== null && fence !== undefined) {
      examples.push(open)
      open = null
    } else if (open !== null) {
      open.text += `${line}\n`
    }
  }
  if (open !== null) throw new Error(`${file}:${open.line}: a code block without an end`)
  return examples
}

export const titleOf = ({ text }: { text: string }) => text.trim().split('\n')[0] ?? ''

/** An example as it is run: only the address and the folders of the documents are replaced. */
export const adapted = ({ url, folders }: Pick<TestServer, 'url' | 'folders'>, text: string) =>
  text
    .replaceAll('http://127.0.0.1:5005', url)
    .replaceAll('/home/me/project', folders.cwd)
    .replaceAll('/tmp/claude-serve-tutorial', join(folders.cwd, 'tutorial'))

const systemPath = '/usr/local/bin:/usr/bin:/bin'

/** Only what a fresh login has, and `claude-serve`, which is the program of this clone and finds the server of the test. */
export function exampleEnvironment({ folders }: Pick<TestServer, 'folders'>): Record<string, string> {
  const bin = join(folders.root, 'bin')
  if (!existsSync(bin)) {
    mkdirSync(bin)
    symlinkSync(join(repository, 'bin/claude-serve'), join(bin, 'claude-serve'))
  }
  return {
    PATH: `${bin}:${dirname(process.execPath)}:${systemPath}`,
    HOME: folders.home,
    TMPDIR: folders.root,
    CLAUDE_SERVE_DATA_DIR: folders.dataDir,
    NO_COLOR: '1',
    ...compileCache,
  }
}

/** Between the outputs of two blocks; in none of them. */
const separator = '\u0000'

/**
 * What each block prints. They share a shell, so that a later one can use what an earlier one has set. The first that fails ends it: its
 * output and those after it are missing, and `stderr` says why.
 */
export async function runShell(
  server: Pick<TestServer, 'url' | 'folders'>,
  blocks: readonly string[],
): Promise<{ outputs: string[]; stderr: string }> {
  // A command that reads its input finds none, as on a terminal.
  const script = blocks.map((text) => `${adapted(server, text)}\nprintf '\\0'\n`).join('')
  const { stdout, stderr } = await promisify(execFile)(
    'bash',
    ['-eo', 'pipefail', '-c', `exec < /dev/null\n${script}`],
    {
      cwd: server.folders.cwd,
      env: exampleEnvironment(server),
      timeout: 120_000,
    },
  ).catch((error: { stdout: string; stderr: string }) => error)
  return { outputs: stdout.split(separator).slice(0, -1), stderr }
}

export const findProgram = (name: string) =>
  systemPath
    .split(':')
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))

const python = findProgram('python3')
export const noPython = python === undefined && `there is no python3 in ${systemPath}`

export async function runPython(server: Pick<TestServer, 'url' | 'folders'>, text: string): Promise<string> {
  const { stdout } = await promisify(execFile)(python ?? '', ['-c', adapted(server, text)], {
    cwd: server.folders.cwd,
    env: exampleEnvironment(server),
    timeout: 60_000,
  })
  return stdout
}

/** Where `shown` cannot be what `answer` is: a field that is not there, or has a value of another type. A document may leave fields out. */
export function differences(shown: unknown, answer: unknown, path = ''): string[] {
  const typeOf = (value: unknown) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)
  if (answer === undefined) return [`${path} is not in the answer`]
  if (typeOf(shown) !== typeOf(answer)) return [`${path} is ${typeOf(answer)} in the answer, not ${typeOf(shown)}`]
  if (typeof shown === 'object' && shown !== null) {
    return Object.entries(shown).flatMap(([name, value]) =>
      differences(value, (answer as Record<string, unknown>)[name], `${path}/${name}`),
    )
  }
  return typeof shown === 'string' && withoutIds(shown) !== withoutIds(String(answer))
    ? [`${path} is ${JSON.stringify(answer)} in the answer, not ${JSON.stringify(shown)}`]
    : []
}

/** Ids, times, folders and numbers differ from run to run. */
const withoutIds = (text: string) =>
  text
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f-]{27}\b/g, '<id>')
    .replaceAll(/\b(run|ask|req|toolu|chatcmpl|msg|resp)_?-?[0-9A-Za-z]{16,}/g, '<id>')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/(?:\/[\w.-]+)+\/(?=[\w.-]+)/g, '<folder>/')
    .replaceAll(/\d+(\.\d+)*/g, '<number>')
