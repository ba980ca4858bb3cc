// A server under attack. After each test the same must hold, whatever the test did: the server is alive, no process is left over, files
// outside are unread and unchanged, the user's settings are unchanged, no log or process list contains a secret, the database is
// intact. A test file opens its scenes at the top; a test only attacks and checks the answer.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, afterEach, beforeEach } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { newSecret } from '../../src/auth/keys.ts'
import { type Scope, unlimitedKey } from '../../src/core/key-record.ts'
import { openKeyStore } from '../../src/store/key-store.ts'
import {
  makeFolders,
  startTestServer,
  type TestFolders,
  type TestServer,
  type TestServerOptions,
} from '../helpers/test-server.ts'
import { markedNow } from './spawn-processes.ts'

export type Answer = { status: number; headers: Headers; text: string; json: Record<string, unknown> }

export type Request = {
  method?: string
  path?: string
  headers?: Record<string, string>
  /** An object is sent as JSON with the matching content type. */
  body?: string | object
}

export type Scene = TestServer & {
  /** Sends a request and reads the whole answer. A body makes it a POST; the default is the native chat. */
  ask(request: Request): Promise<Answer>
  /** A file outside the working folder that nobody may read or change, and its text. */
  secretFile: { path: string; text: string }
  /** A word that must never appear in logs or process lists: use it in prompts. */
  secretWord: string
  /** For a test that makes the server fail: its log may then contain an unexpected error. */
  expectUnexpected(): void
  /** Creates an API key; from then on every request needs one. */
  makeKey(scopes: Scope[]): Promise<string>
}

export type SceneOptions = TestServerOptions & { prepare?: (folders: TestFolders) => void }

/** The user's own settings: nobody but the user may change them. */
const userSettings = { theme: 'dark', permissions: { allow: ['Bash(echo:*)'] } }
const secretWord = 'canary-of-a-prompt-1b7f'
const secretText = 'canary-of-a-file-93ae'
/** In the server's environment, for the CLI; see test-server.ts. */
const upstreamKey = 'sk-ant-test-000'
/** Deadline for processes to end by themselves, in milliseconds. */
const settledWithinMs = 60_000

/** Call it at the top of a file: it hooks into all tests of that file. */
export async function openScene({ prepare, ...options }: SceneOptions = {}): Promise<Scene> {
  const folders = makeFolders(file)
  const secretFile = { path: join(folders.home, 'secret.txt'), text: secretText }
  writeFileSync(secretFile.path, secretText, { mode: 0o600 })
  mkdirSync(folders.configDir, { recursive: true })
  const settingsFile = join(folders.configDir, 'settings.json')
  writeFileSync(settingsFile, JSON.stringify(userSettings))
  prepare?.(folders)
  const settings = readFileSync(settingsFile, 'utf8')
  const server = await startTestServer(file, { ...options, folders })
  const state = new State()
  const scene: Scene = Object.assign(server, {
    secretFile,
    secretWord,
    expectUnexpected: () => {
      state.mayFail = true
    },
    makeKey: (scopes: Scope[]) => makeKey(folders, scopes, state),
    ask: (request: Request) => ask(server, request, state),
  })
  beforeEach(() => state.reset(server))
  afterEach(async () => {
    await settled(server)
    assertAlive(await fetch(`${server.url}/livez`, { headers: { connection: 'close' } }))
    assertUnread(scene, state)
    assert.equal(readFileSync(secretFile.path, 'utf8'), secretText, 'a file outside was changed')
    assert.equal(readFileSync(settingsFile, 'utf8'), settings, 'the user’s settings were changed')
    assertNoSnapshot(folders)
    assertNoSecretLeaked(scene, state)
    assertDatabaseWhole(folders)
  })
  return scene
}

/** What one test has produced so far, to be searched for secrets. */
class State {
  answers: string[] = []
  keys: string[] = []
  mayFail = false
  firstLine = 0
  firstRequest = 0

  reset({ logLines, upstream }: TestServer): void {
    this.answers = []
    this.mayFail = false
    this.firstLine = logLines.length
    this.firstRequest = upstream.requests.length
  }
}

async function ask(
  { url }: TestServer,
  { method, path = '/v1/chat', headers, body }: Request,
  state: State,
): Promise<Answer> {
  const isJson = typeof body === 'object'
  const response = await fetch(`${url}${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { connection: 'close', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : body }),
  })
  const text = await response.text()
  state.answers.push(text)
  return { status: response.status, headers: response.headers, text, json: parsed(text) }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** Stands in for a test context, so that cleanup runs at the end of the file. */
const file = { after: (end: () => Promise<void>) => after(end) }

let keys = 0

async function makeKey({ dataDir }: TestFolders, scopes: Scope[], state: State): Promise<string> {
  const { secret, prefix, hash } = newSecret()
  const store = await openKeyStore(dataDir)
  const names = { id: `key_attack${++keys}`, name: `attack ${keys}` }
  await store.createKey({ ...names, prefix, hash, scopes, createdAtMs: Date.now(), ...unlimitedKey })
  await store.close()
  state.keys.push(secret)
  return secret
}

/** Waits until every process with our marker is a direct child of the server: what a CLI started is gone with its run. */
async function settled({ folders: { dataDir } }: TestServer): Promise<void> {
  const scope = createHash('sha256').update(dataDir).digest('hex').slice(0, 12)
  const deadline = performance.now() + settledWithinMs
  for (;;) {
    const strangers = markedNow(`${scope}.`).filter(({ parent }) => parent !== process.pid)
    if (strangers.length === 0) return
    if (performance.now() > deadline) assert.fail(`processes are left over: ${strangers.map(commandOf).join('; ')}`)
    // No event reports the end of a process that is not a child.
    await delay(10)
  }
}

function commandOf({ pid }: { pid: number }): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return `${pid}, already gone`
  }
}

function assertAlive({ status }: Response): void {
  assert.equal(status, 200, 'the server no longer answers')
}

function assertUnread({ upstream }: Scene, { answers, firstRequest }: State): void {
  const sent = upstream.requests.slice(firstRequest).map(({ body }) => JSON.stringify(body))
  for (const text of [...answers, ...sent]) assert.ok(!text.includes(secretText), 'a file outside was read')
}

/** The CLI's memory dump, which would contain the API key. */
function assertNoSnapshot({ home, cwd, configDir }: TestFolders): void {
  const found = [home, cwd, configDir]
    .flatMap((folder) => readdirSync(folder))
    .filter((name) => /heapsnapshot/.test(name))
  assert.deepEqual(found, [])
}

/** Logs contain no prompt and no key, process lists neither; answers contain no key. */
function assertNoSecretLeaked({ logLines }: Scene, { answers, keys, mayFail, firstLine }: State): void {
  const lines = logLines.slice(firstLine)
  const log = lines.map((line) => JSON.stringify(line)).join('\n')
  const secrets = [upstreamKey, ...keys]
  for (const secret of [secretWord, secretText, ...secrets]) assert.ok(!log.includes(secret), `in the log: ${secret}`)
  for (const secret of secrets) assert.ok(!answers.some((text) => text.includes(secret)), `in an answer: ${secret}`)
  for (const command of commandLines()) {
    for (const secret of [secretWord, ...secrets]) assert.ok(!command.includes(secret), `in a process list: ${command}`)
  }
  const unexpected = lines.filter(({ msg }) => msg === 'unexpected error')
  if (!mayFail) assert.deepEqual(unexpected, [], 'the server logged an unexpected error')
}

/** Of all processes below this one, as every user of the machine can read them. */
function commandLines(): string[] {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
  return children
    .trim()
    .split(' ')
    .filter((pid) => pid !== '')
    .map((pid) => commandOf({ pid: Number(pid) }))
}

function assertDatabaseWhole({ dataDir }: TestFolders): void {
  const db = new DatabaseSync(join(dataDir, 'claude-serve.db'), { readOnly: true })
  try {
    assert.deepEqual({ ...db.prepare('PRAGMA quick_check').get() }, { quick_check: 'ok' })
  } finally {
    db.close()
  }
}
