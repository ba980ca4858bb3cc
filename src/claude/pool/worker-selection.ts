// Which process serves which request: pure choices among the workers there are. The pool decides when to start, acquire and end them.
import { randomUUID } from 'node:crypto'
import type { RunRequest } from '../../core/agent.ts'
import type { Profile, Turn } from '../cli/profile.ts'
import type { PromptDistance } from '../cli/prompt-switch.ts'
import type { SpawnMode } from '../cli/sdk-options.ts'
import type { ConversationStart, LoadedConversation } from '../process/loaded-conversation.ts'
import type { WorkerPhase } from '../process/worker-state.ts'
import { conversationFingerprint } from '../sessions/conversation-fingerprint.ts'

/** What a choice looks at; every PoolWorker is one. */
export type Candidate = {
  readonly key: string
  readonly fingerprint: string
  readonly spawnMode: SpawnMode
  readonly profile: Pick<Profile, 'reusable'>
  readonly state: WorkerPhase
  readonly conversation: { sessionId: string; turns: number } | null
  readonly lastUsedAt: number
  readonly knownTools: ReadonlyMap<string, string>
  /** How near it is to using the system prompt. */
  promptDistance(text: string): PromptDistance
}

export type RequestMatch = {
  key: string
  fingerprint: string
  request: RunRequest
  turn: Pick<Turn, 'systemPrompt' | 'written' | 'loaded'>
}

type Beginning = Pick<RequestMatch, 'request' | 'turn'>

/** Whether a process that was started for a new conversation can take it. */
const isForNewProcess = ({ request: { session }, turn }: Beginning): boolean =>
  (turn.loaded ?? null) === null &&
  (session.kind === 'new' || session.kind === 'history' || (turn.written ?? null) !== null)

/** How to start a process for the request. */
export function spawnModeFor(beginning: Beginning): SpawnMode {
  const { session } = beginning.request
  const { loaded = null } = beginning.turn
  if (loaded !== null) return { kind: 'load', path: loaded.path, sessionId: loaded.sessionId }
  if (isForNewProcess(beginning) || session.kind === 'new' || session.kind === 'history') return spareSpawnMode()
  if (session.kind === 'continue') return { kind: 'resume', sessionId: session.sessionId }
  return { kind: 'fork', from: session.sessionId, sessionId: randomUUID() }
}

export const spareSpawnMode = (): SpawnMode => ({ kind: 'new', sessionId: randomUUID() })

/** What the process is good for now: one that has read a file has room for other conversations once it has served that one. */
function modeOf({ spawnMode, conversation }: Candidate): SpawnMode {
  return spawnMode.kind === 'load' && conversation !== null ? { ...spawnMode, kind: 'new' } : spawnMode
}

function isModeFor(mode: SpawnMode, beginning: Beginning): boolean {
  const { session } = beginning.request
  const { loaded = null } = beginning.turn
  if (mode.kind === 'load' || loaded !== null) return mode.kind === 'load' && mode.path === loaded?.path
  if (mode.kind === 'new' || isForNewProcess(beginning)) return mode.kind === 'new' && isForNewProcess(beginning)
  if (mode.kind === 'resume') return session.kind === 'continue' && session.sessionId === mode.sessionId
  return session.kind === 'fork' && session.sessionId === mode.from
}

/** Whether the process was started for requests like this, whatever it holds now. */
export function isStartedFor(worker: Candidate, match: RequestMatch): boolean {
  const mode = modeOf(worker)
  if (worker.key !== match.key || !isModeFor(mode, match)) return false
  return mode.kind !== 'new' || worker.fingerprint === match.fingerprint
}

/** Whether the process knows one of the request's tools under another definition, which the CLI would keep using. */
function hasOtherTools({ knownTools }: Candidate, { request }: RequestMatch): boolean {
  const tools = request.plain?.tools ?? []
  return tools.some((tool) => (knownTools.get(tool.name) ?? JSON.stringify(tool)) !== JSON.stringify(tool))
}

/** Whether nobody has returned to the conversation that the process holds, if any. */
export const isDispensable = (worker: Candidate): boolean =>
  worker.conversation === null || worker.conversation.turns <= 1

/**
 * An idle process that can take the request's turn as its first: one that holds nothing, or a reusable one whose conversation may be
 * dropped; of these, first those that nobody has returned to, those that know the system prompt, and the least recently used. `reserved` is
 * left alone. `isReturning`: the request's conversation had to leave its process lately. If conversations come in turn, and are more than there
 * are processes, the one that was used last is then the one that is needed last.
 */
export function idleWorkerFor<T extends Candidate>(
  workers: Iterable<T>,
  match: RequestMatch,
  { reserved = null, isReturning = false }: { reserved?: T | null; isReturning?: boolean } = {},
): T | null {
  const isFree = (worker: T) =>
    worker.state === 'idle' && worker !== reserved && (worker.conversation === null || worker.profile.reusable)
  const rank = (worker: T) => (worker.conversation === null ? 0 : isDispensable(worker) ? 1 : 2)
  const candidates = [...workers].filter(
    (worker) => isFree(worker) && isStartedFor(worker, match) && !hasOtherTools(worker, match),
  )
  const { systemPrompt } = match.turn
  const distance = (worker: T) => (systemPrompt === null ? 0 : worker.promptDistance(systemPrompt))
  const age = (a: T, b: T) => (isReturning ? b.lastUsedAt - a.lastUsedAt : a.lastUsedAt - b.lastUsedAt)
  return candidates.sort((a, b) => rank(a) - rank(b) || distance(a) - distance(b) || age(a, b))[0] ?? null
}

/**
 * The process that an auxiliary request must leave alone: it holds the most recently used conversation, most likely the one that the
 * request accompanies. Null if no other process could be started or ended for the request.
 */
export function reservedFromAuxiliary<T extends Candidate>(
  workers: Iterable<T>,
  { request }: RequestMatch,
  hasRoom: boolean,
): T | null {
  if (!yieldsToOthers(request)) return null
  const all = [...workers]
  const [last] = all.filter(({ conversation }) => conversation !== null).sort((a, b) => b.lastUsedAt - a.lastUsedAt)
  const isOnlyChoice = !hasRoom && all.every((worker) => worker === last || worker.state === 'busy')
  return last === undefined || isOnlyChoice ? null : last
}

/** Auxiliary requests and items of batches. */
export const yieldsToOthers = ({ isAuxiliary, isBatchItem = false }: RequestMatch['request']): boolean =>
  isAuxiliary || isBatchItem

/** Whether an auxiliary request must wait: it would occupy the last process, and the conversation that it accompanies would stall. */
export function wouldTakeLastProcess(workers: Iterable<Candidate>, processesMax: number): boolean {
  const busy = [...workers].filter(({ state }) => state === 'busy').length
  return busy > 0 && busy + 1 >= processesMax
}

/** Whether the process is, or will be, ready for a new conversation of this profile at no loss. */
export function isSpare(worker: Candidate, key: string, fingerprint: string): boolean {
  if (worker.key !== key || worker.fingerprint !== fingerprint || modeOf(worker).kind !== 'new') return false
  if (worker.state === 'starting') return true
  return worker.state === 'idle' && isDispensable(worker) && (worker.conversation === null || worker.profile.reusable)
}

/** Whether the process, which holds a conversation, could take a new one of that profile. */
export const canBeRewound = (worker: Candidate, key: string, fingerprint: string): boolean =>
  worker.profile.reusable && worker.key === key && worker.fingerprint === fingerprint

export function leastRecentlyUsed<T extends Candidate>(workers: Iterable<T>, reserved: T | null = null): T | null {
  return byLastUse(workers, reserved)[0] ?? null
}

export function mostRecentlyUsed<T extends Candidate>(workers: Iterable<T>, reserved: T | null = null): T | null {
  return byLastUse(workers, reserved).at(-1) ?? null
}

function byLastUse<T extends Candidate>(workers: Iterable<T>, reserved: T | null): T[] {
  const idle = [...workers].filter((worker) => worker.state === 'idle' && worker !== reserved)
  return idle.sort((a, b) => a.lastUsedAt - b.lastUsedAt)
}

/**
 * The idle process to end for a spare of a profile that was last used at `usedAt`: neither a wanted spare, nor the most recently used
 * conversation, nor one that was used later than the profile.
 */
export function leastValuable<T extends Candidate>(
  workers: Iterable<T>,
  wanted: ReadonlySet<T>,
  usedAt: number,
): T | null {
  const idle = [...workers].filter((worker) => worker.state === 'idle' && !wanted.has(worker))
  const holders = idle.filter((worker) => worker.conversation !== null).sort((a, b) => b.lastUsedAt - a.lastUsedAt)
  return leastRecentlyUsed(idle.filter((worker) => worker !== holders[0] && worker.lastUsedAt < usedAt))
}

/** The stored conversation that the request continues or copies. */
export function existingSession({ session }: RunRequest): string | null {
  return session.kind === 'continue' || session.kind === 'fork' ? session.sessionId : null
}

/** Whether the process holds the conversation that the request continues, whole and unchanged. */
export function holdsConversation(
  conversation: Pick<LoadedConversation, 'sessionId' | 'contentFingerprint' | 'start'> | null,
  { session }: RunRequest,
  turn: Turn,
): boolean {
  if (conversation === null) return false
  if (session.kind === 'continue') return conversation.sessionId === session.sessionId
  if (session.kind !== 'history' || session.messages.length === 0) return false
  const startOf = ({ systemPrompt, model, clientTools }: ConversationStart) =>
    JSON.stringify([systemPrompt, model, clientTools])
  return (
    conversation.contentFingerprint === conversationFingerprint(session.messages) &&
    startOf(conversation.start) === startOf(turn)
  )
}
