// Long pasts of conversations: a process reads one from a file as it starts, which takes little longer than the start, where an idle process
// needs some milliseconds for each message. The file also has what the CLI adds to a first message, for the prompt cache
// (docs/decisions/0026-the-prompt-cache-is-kept.md). What that is, is learned from the CLI: one of its processes begins a conversation and
// writes it down, once for each kind of request and day.
import { readFile, rm } from 'node:fs/promises'
import type { ModelInfo } from '@anthropic-ai/claude-agent-sdk'
import type { Clock } from '../../platform/clock.ts'
import { RecentValues } from '../../platform/recent-values.ts'
import type { AbilityBook } from '../cli/abilities.ts'
import type { Turn } from '../cli/profile.ts'
import { noteOwnConversation } from '../process/process-registry.ts'
import { additionsIn, type HistoryFile, messagesForFile, modelIn, writeHistoryFile } from '../sessions/history-file.ts'
import { type TranscriptEntry, transcriptFile } from '../sessions/transcript.ts'
import type { Spawn } from './pool-worker.ts'
import type { ResolvedRequest } from './resolve-request.ts'
import { spareSpawnMode } from './worker-selection.ts'

/** What is kept: some dozens of kinds of requests, of about 3,000 characters each. */
const learnedMax = { countMax: 100, charsMax: 1_000_000 }

/** After a failure this way is not tried for so long, in milliseconds. */
const pauseMs = 600_000

const firstWords: Turn['history'] = [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }]

type Learned = { additions: TranscriptEntry[]; models: ModelInfo[] }

export type LongHistoriesContext = {
  spawn: Spawn
  clock: Clock
  abilities: Pick<AbilityBook, 'of'>
  configDir: string
  /** A folder for the files, which only this server may use. */
  privateDir: string
  onWarning: (message: string, facts: Record<string, unknown>) => void
}

export class LongHistories {
  readonly #context: LongHistoriesContext
  /** Histories of at least so many messages are read from a file. */
  readonly #messagesMin: number
  readonly #learned = new RecentValues<Promise<Learned>>(learnedMax)
  #learning: Promise<unknown> = Promise.resolve()
  #pausedUntil = Number.NEGATIVE_INFINITY

  constructor(messagesMin: number, context: LongHistoriesContext) {
    this.#messagesMin = messagesMin
    this.#context = context
  }

  /** Whether the request's history may be worth a file. Cheap: every request is looked at. */
  accepts({ turn, profile, claude }: ResolvedRequest): boolean {
    const length = turn.history?.length ?? 0
    if (length < this.#messagesMin || !profile.plain || !profile.reusable || turn.model === null) return false
    return this.#context.abilities.of(claude).loading && this.#context.clock.now() >= this.#pausedUntil
  }

  /** The file with the past of the request's conversation; null if a process is to be handed the messages one by one. */
  async prepare(resolved: ResolvedRequest, signal: AbortSignal): Promise<HistoryFile | null> {
    const { turn, profile, claude } = resolved
    const history = turn.history ?? []
    const count = messagesForFile(history)
    if (!this.accepts(resolved) || turn.model === null || count < this.#messagesMin) return null
    try {
      const { additions, models } = await this.#learn(resolved)
      // The caller has left, and nobody would remove the file.
      if (signal.aborted) return null
      const model = models.find(({ value }) => value === turn.model)?.resolvedModel ?? turn.model
      // A CLI that does not report the full ids of its models cannot be watched using the right one after it has read a file.
      if ((modelIn(additions) ?? model) !== model) return null
      return writeHistoryFile({
        folder: this.#context.privateDir,
        messages: history.slice(0, count),
        rest: history.slice(count),
        additions,
        cwd: profile.cwd,
        version: claude.version,
        model,
      })
    } catch (error) {
      this.noteFailure(error)
      return null
    }
  }

  /** No process could be started with a file. Whatever the reason, the next ones are not. */
  noteFailure(error: unknown): void {
    this.#pausedUntil = this.#context.clock.now() + pauseMs
    this.#context.onWarning('a long conversation could not be read from a file', { reason: String(error) })
  }

  #learn(resolved: ResolvedRequest): Promise<Learned> {
    const { key, fingerprint, turn } = resolved
    const kind = JSON.stringify([key, fingerprint, turn.model, turn.systemPrompt === null])
    const known = this.#learned.get(kind)
    if (known !== undefined) return known
    // One at a time: these processes live beside those of the pool.
    const learned = this.#learning.then(() => this.#ask(resolved))
    this.#learning = learned.catch(() => {})
    this.#learned.set(kind, learned, 3000)
    learned.catch(() => this.#learned.delete(kind))
    return learned
  }

  /** The process is in nobody's way: it lives for half a second, beside those of the pool. */
  async #ask({ profile, fingerprint, claude, turn }: ResolvedRequest): Promise<Learned> {
    const { spawn, configDir, privateDir } = this.#context
    const mode = spareSpawnMode()
    const file = transcriptFile(configDir, profile.cwd, mode.sessionId)
    noteOwnConversation(privateDir, file)
    const worker = spawn({ profile: { ...profile, reusable: false, persist: true }, fingerprint, claude }, mode)
    try {
      const { models } = await worker.ready
      worker.acquire()
      await worker.startConversation({ ...turn, history: firstWords, written: null }, mode.sessionId)
      // It has written everything when it has ended.
      await worker.retire()
      return { additions: additionsIn(await readFile(file)), models }
    } finally {
      await worker.retire()
      await rm(file, { force: true })
    }
  }
}
