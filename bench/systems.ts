// Starts the three systems, each in fresh folders of its own and without this process's environment.

import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { BareCli } from './bare-cli.ts'
import { type ReadyChild, startListening } from './child-process.ts'
import { findClaude } from './claude-binary.ts'
import { atEnd } from './cleanup.ts'
import { stringAt } from './json.ts'
import { ScriptedModel } from './scripted-model.ts'
import { processCounts, SseClient } from './sse-client.ts'

const QUIET_WITHIN_MS = 60_000

export interface Served {
  pid: number
  client: SseClient
  stop(): Promise<void>
}

/** Of one system; a server that gets those of an earlier one continues where that stopped. */
export interface Folders {
  home: string
  data: string
  tmp: string
  work: string
}

export interface StartOptions {
  waits?: boolean
  /** Settings besides those that every server of the bench gets. */
  settings?: readonly string[]
  /** Otherwise new, empty ones. */
  folders?: Folders
}

export class Systems {
  readonly claude = findClaude()
  /** What is run as claude-serve, with Node's flags: for requests, and for the rows about its start and memory. */
  readonly command: readonly string[]
  readonly startCommand: readonly string[]
  readonly #root: string
  #model: ScriptedModel | null = null
  #made = 0

  private constructor(root: string, entry: string | null) {
    this.#root = root
    this.command = entry === null ? cloneCommand() : [entry]
    const compiled = here('../dist/cli.js')
    this.startCommand = entry === null && existsSync(compiled) ? [compiled] : this.command
  }

  /**
   * Starts the scripted model. Without an `entry`, requests go to the clone, and the start is measured on the compiled program if it
   * exists.
   */
  static async create(entry: string | null): Promise<Systems> {
    const root = await mkdtemp(join(tmpdir(), 'claude-serve-bench-'))
    atEnd(() => rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }))
    const systems = new Systems(root, entry)
    const folders = await systems.folders()
    const env = systems.environment(folders.home, folders.tmp)
    systems.#model = await ScriptedModel.start(env, folders.work)
    return systems
  }

  get model(): ScriptedModel {
    if (this.#model === null) throw new Error('the scripted model was not started')
    return this.#model
  }

  /** Unless `waits` is false, resolves when the server knows what its CLI can do: it finds out once for each data folder. */
  async startOurs(command = this.command, options: StartOptions = {}): Promise<Served> {
    const { waits = true, settings: more = [], folders = await this.folders() } = options
    const { home, data, tmp, work } = folders
    const settings = ['--port', '0', '--data-dir', data, '--default-cwd', work, '--log-level', 'warn', ...more]
    const child = await startListening({
      name: 'claude-serve',
      file: process.execPath,
      args: [...command, 'serve', ...settings, '--claude-bin', this.claude],
      env: this.environment(home, tmp),
      cwd: work,
    })
    if (waits) await examined(child.url)
    return served(child)
  }

  async startPerProcess(): Promise<Served> {
    const { home, tmp, work } = await this.folders()
    const child = await startListening({
      name: 'the process-per-request server',
      file: process.execPath,
      args: [here('process-per-request-server.ts'), this.claude, work],
      env: this.environment(home, tmp),
      cwd: work,
    })
    return served(child)
  }

  async startBare(noTools: boolean): Promise<BareCli> {
    const { home, tmp, work } = await this.folders()
    return new BareCli({ claude: this.claude, env: this.environment(home, tmp), cwd: work, noTools })
  }

  /** The complete environment of a child. */
  environment(home: string, tmp: string): Record<string, string> {
    return {
      PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
      HOME: home,
      TMPDIR: tmp,
      CLAUDE_CODE_TMPDIR: tmp,
      ANTHROPIC_BASE_URL: this.#model?.url ?? '',
      ANTHROPIC_API_KEY: 'sk-ant-test-000',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
    }
  }

  /** New, empty folders. */
  async folders(): Promise<Folders> {
    this.#made += 1
    const base = join(this.#root, String(this.#made))
    const folders = {
      home: join(base, 'home'),
      data: join(base, 'data'),
      tmp: join(base, 'tmp'),
      work: join(base, 'work'),
    }
    for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true, mode: 0o700 })
    return folders
  }
}

/**
 * Waits until no server is starting a process and the last process of the yardstick is gone, so that no request is measured in the wake
 * of another. With `spare`, it also waits until that server's spare processes are ready and everything stays calm for a moment.
 */
export async function quiet(servers: readonly Served[], spare?: Served): Promise<void> {
  const deadline = performance.now() + QUIET_WITHIN_MS
  let calm = 0
  while (calm < (spare ? 5 : 1)) {
    if (performance.now() > deadline) throw new Error(`a server was not at rest within ${QUIET_WITHIN_MS} ms`)
    const still = await Promise.all(servers.map((server) => isAtRest(server, server === spare)))
    calm = still.every(Boolean) ? calm + 1 : 0
    await sleep(still.every(Boolean) && !spare ? 10 : 40)
  }
}

/** How many processes of the server are idle, and how many there may be. */
export async function idleOf(server: Served): Promise<{ idle: number; max: number }> {
  const { idle, max } = processCounts((await server.client.health()) ?? {})
  return { idle, max }
}

async function isAtRest(server: Served, spare: boolean): Promise<boolean> {
  const health = await server.client.health()
  if (!health) return false
  const { spare: spares, busy, starting } = processCounts(health)
  if (stringAt(health, 'status') !== 'ok') throw new Error(`health reports ${JSON.stringify(health)}`)
  return starting === 0 && busy === 0 && (!spare || spares >= 1)
}

async function examined(url: string): Promise<void> {
  for (;;) {
    const { abilities } = (await (await fetch(`${url}/readyz`)).json()) as { abilities: Record<string, string> }
    if (Object.values(abilities).every((state) => state !== 'not_checked')) return
    await sleep(100)
  }
}

function served(child: ReadyChild): Served {
  const client = new SseClient(child.url)
  const stop = async () => {
    client.close()
    await child.stop()
  }
  return { pid: child.pid, client, stop }
}

/** What `npm start` runs. */
function cloneCommand(): string[] {
  const manifest = JSON.parse(readFileSync(here('../package.json'), 'utf8')) as { scripts: { start: string } }
  const [, ...words] = manifest.scripts.start.replace(/ serve$/, '').split(' ')
  return words.map((word) => (word.startsWith('-') ? word : here(`../${word}`)))
}

function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}
