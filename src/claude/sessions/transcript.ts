// The CLI's conversation files: where a file is, which folder it belongs to, and how a conversation from a reused
// process is written as one, so that the CLI itself, here or in a terminal, can continue it. Only this folder knows
// their format (docs/decisions/0004-conversation-files.md).
import { randomUUID } from 'node:crypto'
import { appendFileSync, createReadStream, mkdirSync } from 'node:fs'
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Longer folder names are cut; the CLI finds a conversation in any folder. */
const folderNameMax = 200

/** Where the CLI stores what belongs to a folder. */
export function projectFolder(configDir: string, cwd: string): string {
  return join(configDir, 'projects', cwd.replaceAll(/[^A-Za-z0-9]/g, '-').slice(0, folderNameMax))
}

/** Where the CLI stores a conversation of that folder. */
export const transcriptFile = (configDir: string, cwd: string, sessionId: string): string =>
  join(projectFolder(configDir, cwd), `${sessionId}.jsonl`)

export type TranscriptFacts = { file: string; cwd: string | null }

/** Finds a conversation by its id, whether it started here or in a terminal; null if it does not exist. */
export async function findTranscript(configDir: string, sessionId: string): Promise<TranscriptFacts | null> {
  const projects = join(configDir, 'projects')
  const folders = await readdir(projects).catch(() => [])
  const files = folders.map((folder) => join(projects, folder, `${sessionId}.jsonl`))
  const present = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => true,
        () => false,
      ),
    ),
  )
  const file = files[present.indexOf(true)]
  return file === undefined ? null : { file, cwd: await readCwd(file) }
}

/** The folder in the first entry that names one. */
async function readCwd(file: string): Promise<string | null> {
  const lines = createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })
  try {
    for await (const line of lines) {
      const cwd = cwdOf(line)
      if (cwd !== null) return cwd
    }
    return null
  } finally {
    lines.close()
  }
}

function cwdOf(line: string): string | null {
  if (!line.includes('"cwd"')) return null
  try {
    const { cwd } = JSON.parse(line) as { cwd?: unknown }
    return typeof cwd === 'string' ? cwd : null
  } catch {
    return null
  }
}

/** A line of a file, of any type. Nothing in it is certain. */
export type TranscriptEntry = { [field: string]: unknown }

/** The entries in a file's content in order, of all lines or some. Lines that are no JSON objects are left out. */
export function* toEntries(
  bytes: Buffer,
  isWanted: (line: Buffer) => boolean = () => true,
): Generator<TranscriptEntry> {
  for (let begin = 0, end = 0; begin < bytes.length; begin = end + 1) {
    end = bytes.indexOf('\n', begin)
    if (end === -1) end = bytes.length
    const line = bytes.subarray(begin, end)
    const entry = isWanted(line) ? parseEntry(line) : null
    if (entry !== null) yield entry
  }
}

function parseEntry(line: Buffer): TranscriptEntry | null {
  try {
    const entry: unknown = JSON.parse(line.toString())
    return typeof entry === 'object' && entry !== null ? (entry as TranscriptEntry) : null
  } catch {
    return null
  }
}

/** A message in the format of the model's API; its fields are written as they are. */
export type TranscriptMessage = { role: 'user' | 'assistant'; [field: string]: unknown }

/** Writes one conversation, turn by turn, as entries that each refer to the one before. */
export class TranscriptWriter {
  readonly sessionId: string
  readonly #folder: string
  readonly #cwd: string
  readonly #version: string
  #parent: string | null = null

  /** `lastId`: of the last message in the file, if there is one already. */
  constructor(options: { configDir: string; cwd: string; sessionId: string; version: string; lastId?: string }) {
    this.#parent = options.lastId ?? null
    this.sessionId = options.sessionId
    this.#folder = projectFolder(options.configDir, options.cwd)
    this.#cwd = options.cwd
    this.#version = options.version
  }

  /**
   * Appends a turn's messages. `systemPrompt` is recorded with the first turn, as the CLI does, so that the
   * conversation keeps it when it is resumed.
   */
  append(messages: readonly TranscriptMessage[], systemPrompt: string | null): void {
    const isFirst = this.#parent === null
    const entries = messages.map((message) => this.#entry({ type: message.role, message }))
    if (isFirst && systemPrompt !== null) entries.splice(1, 0, this.#promptEntry(systemPrompt, entries))
    const lines = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')
    // Synchronous: Node's thread pool would take ten times as long, and the answer waits for this.
    if (isFirst) mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    appendFileSync(join(this.#folder, `${this.sessionId}.jsonl`), lines, { mode: 0o600 })
  }

  #entry(content: Record<string, unknown>): Record<string, unknown> {
    const uuid = randomUUID()
    const entry = {
      parentUuid: this.#parent,
      isSidechain: false,
      userType: 'external',
      entrypoint: 'sdk-ts',
      cwd: this.#cwd,
      sessionId: this.sessionId,
      version: this.#version,
      uuid,
      timestamp: new Date().toISOString(),
      ...content,
    }
    this.#parent = uuid
    return entry
  }

  /** An entry between the first message and the second, which then refers to this entry. */
  #promptEntry(systemPrompt: string, entries: Record<string, unknown>[]): Record<string, unknown> {
    const last = this.#parent
    const attachment = {
      type: 'prompt_snapshot',
      systemPrompt: [systemPrompt],
      reminderFold: false,
      echoWireToolInputs: false,
      contextRendering: 'announced',
    }
    const entry = this.#entry({ type: 'attachment', attachment })
    entry.parentUuid = entries[0]?.uuid ?? null
    if (entries[1]) {
      entries[1].parentUuid = entry.uuid
      this.#parent = last
    }
    return entry
  }
}
