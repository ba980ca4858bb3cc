// Which process for which request: pure choices among the workers there are. When to start, lend and end is the pool's.
import { randomUUID } from 'node:crypto'
import type { RunRequest } from '../../core/agent.ts'
import type { Profile } from '../cli/profile.ts'
import type { Birth } from '../cli/sdk-options.ts'

/** What a choice looks at; a Worker is one. */
export type Candidate = {
  readonly key: string
  readonly fingerprint: string
  readonly birth: Birth
  readonly profile: Pick<Profile, 'reusable'>
  readonly state: 'starting' | 'idle' | 'busy' | 'ending' | 'gone'
  readonly held: { sessionId: string; turns: number } | null
  readonly lastUsedAt: number
  readonly knownTools: ReadonlyMap<string, string>
}

export type Wish = { key: string; fingerprint: string; request: RunRequest }

/** What a process for the request is born with, where none is there. */
export function birthFor({ session }: RunRequest): Birth {
  if (session.kind === 'new' || session.kind === 'history') return birthOfSpare()
  if (session.kind === 'continue') return { kind: 'resume', sessionId: session.sessionId }
  return { kind: 'fork', from: session.sessionId, sessionId: randomUUID() }
}

export const birthOfSpare = (): Birth => ({ kind: 'new', sessionId: randomUUID() })

function isBirthFor(birth: Birth, { session }: RunRequest): boolean {
  if (birth.kind === 'new') return session.kind === 'new' || session.kind === 'history'
  if (birth.kind === 'resume') return session.kind === 'continue' && session.sessionId === birth.sessionId
  return session.kind === 'fork' && session.sessionId === birth.from
}

/** Whether the process was born for requests like this, whatever it holds now. */
export function isMadeFor(worker: Candidate, wish: Wish): boolean {
  if (worker.key !== wish.key || !isBirthFor(worker.birth, wish.request)) return false
  return worker.birth.kind !== 'new' || worker.fingerprint === wish.fingerprint
}

/** Whether the process knows one of the request's tools as something else, which it would take for it still. */
function hasOtherTools({ knownTools }: Candidate, { request }: Wish): boolean {
  const tools = request.plain?.tools ?? []
  return tools.some((tool) => (knownTools.get(tool.name) ?? JSON.stringify(tool)) !== JSON.stringify(tool))
}

/** Whether nobody has come back to the conversation that the process holds, if any. */
const isCheap = (worker: Candidate) => worker.held === null || worker.held.turns <= 1

/**
 * An idle process that can take the request's turn as its first: one that holds nothing, or a reusable one whose
 * conversation can be given up; of these, first those that nobody has come back to, the longest unused of them first. `kept`
 * is not to be given up.
 */
export function idleFor<T extends Candidate>(workers: Iterable<T>, wish: Wish, kept: T | null = null): T | null {
  const isFree = (worker: T) =>
    worker.state === 'idle' && worker !== kept && (worker.held === null || worker.profile.reusable)
  const rank = (worker: T) => (worker.held === null ? 0 : isCheap(worker) ? 1 : 2)
  const candidates = [...workers].filter(
    (worker) => isFree(worker) && isMadeFor(worker, wish) && !hasOtherTools(worker, wish),
  )
  return candidates.sort((a, b) => rank(a) - rank(b) || a.lastUsedAt - b.lastUsedAt)[0] ?? null
}

/**
 * The process that a side request must leave alone: it holds the conversation that was used last, most likely the one that the
 * request is made beside. Null where no other process could be started or ended for the request.
 */
export function keptFromSide<T extends Candidate>(workers: Iterable<T>, { request }: Wish, hasRoom: boolean): T | null {
  if (!request.isSide) return null
  const all = [...workers]
  const [last] = all.filter(({ held }) => held !== null).sort((a, b) => b.lastUsedAt - a.lastUsedAt)
  const isOnlyChoice = !hasRoom && all.every((worker) => worker === last || worker.state !== 'idle')
  return last === undefined || isOnlyChoice ? null : last
}

/** Whether a side request must wait: with it the last process would be at work, and the conversation beside it come to a stop. */
export function wouldTakeTheLast(workers: Iterable<Candidate>, processesMax: number): boolean {
  const busy = [...workers].filter(({ state }) => state === 'busy').length
  return busy > 0 && busy + 1 >= processesMax
}

/** Whether the process is, or will be, ready for a new conversation of its kind at no loss. */
export function isSpare(worker: Candidate, key: string, fingerprint: string): boolean {
  if (worker.key !== key || worker.fingerprint !== fingerprint || worker.birth.kind !== 'new') return false
  if (worker.state === 'starting') return true
  return worker.state === 'idle' && isCheap(worker) && (worker.held === null || worker.profile.reusable)
}

/** Whether the process, which holds a conversation, could take a new one of that kind. */
export const canBeEmptied = (worker: Candidate, key: string, fingerprint: string): boolean =>
  worker.profile.reusable && worker.key === key && worker.fingerprint === fingerprint

export function leastRecentlyUsed<T extends Candidate>(workers: Iterable<T>, kept: T | null = null): T | null {
  const idle = [...workers].filter((worker) => worker.state === 'idle' && worker !== kept)
  return idle.sort((a, b) => a.lastUsedAt - b.lastUsedAt)[0] ?? null
}

/**
 * The idle process to give up for a spare of a kind that was used at `usedAt`: neither a wanted spare, nor the conversation
 * that was used last, nor one that was used after the kind was.
 */
export function worthLess<T extends Candidate>(workers: Iterable<T>, wanted: ReadonlySet<T>, usedAt: number): T | null {
  const idle = [...workers].filter((worker) => worker.state === 'idle' && !wanted.has(worker))
  const held = idle.filter((worker) => worker.held !== null).sort((a, b) => b.lastUsedAt - a.lastUsedAt)
  return leastRecentlyUsed(idle.filter((worker) => worker !== held[0] && worker.lastUsedAt < usedAt))
}
