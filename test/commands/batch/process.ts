// Runs the command `batch run` for its tests, in the folders of one test, against the server of their data folder: as a process of its own
// if the test has to watch or signal it.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after } from 'node:test'
import type { Answer } from '../../../src/commands/batch/answers.ts'
import { makeFolders, step, type TestFolders } from '../../helpers/test-server.ts'
import { cli, environmentOf, type Outcome, run } from '../command-process.ts'
import { type ScriptedModel, startScriptedServer } from './scripted-model.ts'

/** The resources of one test: a shared server and a folder of its own. */
export type Scene = { url: string; model: ScriptedModel; folders: TestFolders }

/** Starts one server for the tests of a file, which run one after the other. Returns a function that makes a fresh scene. */
export async function shareServer(): Promise<() => Scene> {
  const cleanUp: (() => unknown)[] = []
  const forAll = { after: (step?: unknown) => cleanUp.push(step as () => unknown) }
  const folders = makeFolders(forAll)
  const { url, model } = await startScriptedServer(forAll, folders)
  after(async () => {
    for (const step of cleanUp) await step()
  })
  return () => {
    model.reset()
    return { url, model, folders: { ...folders, cwd: mkdtempSync(join(folders.root, 'scene-')) } }
  }
}

export type Batch = { child: ChildProcess; ended: Promise<Outcome> }

const running = new Set<ChildProcess>()

// A failed test must not leave a process behind.
after(() => {
  for (const child of running) child.kill('SIGKILL')
})

/** `args` follow `batch run`. Standard input stays open. */
export function startBatch(folders: TestFolders, args: string[], environment: Record<string, string> = {}): Batch {
  const child = spawn(process.execPath, [cli, 'batch', 'run', ...args], {
    cwd: folders.cwd,
    env: environmentOf(folders, environment),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  running.add(child)
  const ended = once(child, 'close').then(([code, signal]) => {
    running.delete(child)
    return { code: code ?? signal, stdout, stderr }
  })
  return { child, ended }
}

export function batchProcess(folders: TestFolders, args: string[]): Promise<Outcome> {
  const { child, ended } = startBatch(folders, args)
  child.stdin?.end()
  return ended
}

/** In the process that this file's commands share. A batch that stops early has its output reserved until its process ends. */
export const batch = (
  folders: TestFolders,
  args: string[],
  environment: Record<string, string> = {},
): Promise<Outcome> => run(folders, ['batch', 'run', ...args], { environment })

/** Writes an input file: Buffers as they are, everything else as JSON. Returns its name. */
export function writeInput(folders: TestFolders, lines: readonly unknown[], name = 'in.jsonl'): string {
  const texts = lines.map((line) => (Buffer.isBuffer(line) ? line.toString() : JSON.stringify(line)))
  writeFileSync(join(folders.cwd, name), texts.map((text) => `${text}\n`).join(''))
  return name
}

export const outputOf = ({ cwd }: TestFolders, name = 'out.jsonl'): string => join(cwd, name)

/** The lines of the output, each of which must be complete. */
export function readOutput(folders: TestFolders, name?: string): Answer[] {
  const text = readFileSync(outputOf(folders, name), 'utf8')
  assert.ok(text === '' || text.endsWith('\n'), 'the last line is complete')
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}

/** The answers by id; each id must occur once. */
export function answersById(folders: TestFolders, name?: string): Record<string, Answer> {
  const answers = readOutput(folders, name)
  const byId = Object.fromEntries(answers.map((answer) => [answer.id ?? `line ${answer.line}`, answer]))
  assert.equal(Object.keys(byId).length, answers.length, 'each id occurs once')
  return byId
}

/** A prompt that is distinguishable from all others, with instructions for the scripted model. */
export const prompt = (tag: string, fields: Record<string, unknown> = {}) =>
  `<${tag}> ${step({ text: `answer to ${tag}`, ...fields })}`

/** Without tools, processes are reused, which saves their startup time. */
export const light = { tools: [] }

/** An input line with that tag as its id. */
export const line = (tag: string, fields: Record<string, unknown> = {}) => ({
  id: tag,
  prompt: prompt(tag, fields),
  ...light,
})

/** How many requests with this tag the model received. */
export const requestCount = ({ requests }: { requests: readonly { raw: string }[] }, tag: string): number =>
  requests.filter(isFor(tag)).length

export const isFor =
  (tag: string) =>
  ({ raw }: { raw: string }): boolean =>
    raw.includes(`<${tag}>`)
