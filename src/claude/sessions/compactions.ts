// Conversations that the CLI has compacted. It goes on from a summary that has no parent, so that neither the CLI nor the SDK reads what
// came before; the file still has it. Here each boundary gets back the parent that it logically has. For reading only: what the CLI
// resumes is its own matter.
import type { SessionBlock } from '../../core/sessions.ts'
import { fieldsOf } from '../../platform/json.ts'
import type { TranscriptEntry } from './transcript.ts'

/** What a boundary says about its compaction. */
export type Compaction = Pick<Extract<SessionBlock, { type: 'compaction' }>, 'trigger' | 'preTokens'>

/** The types of entries that refer to each other. */
const linkedTypes: unknown[] = ['user', 'assistant', 'system', 'attachment', 'progress']

export const isBoundary = ({ type, subtype, isSidechain }: TranscriptEntry): boolean =>
  type === 'system' && subtype === 'compact_boundary' && isSidechain !== true

/** Going back to a message from before a compaction also writes a boundary, which keeps messages and summarizes none. */
export function isCompaction(entry: TranscriptEntry): boolean {
  const { preservedMessages, preservedSegment } = fieldsOf(entry.compactMetadata)
  const { anchorUuid } = fieldsOf(preservedMessages ?? preservedSegment)
  return isBoundary(entry) && (anchorUuid === undefined || anchorUuid !== entry.uuid)
}

/** The last message that the boundary keeps. */
function lastKept(entry: TranscriptEntry): unknown {
  const { preservedMessages, preservedSegment } = fieldsOf(entry.compactMetadata)
  const { uuids } = fieldsOf(preservedMessages)
  return Array.isArray(uuids) ? uuids.at(-1) : fieldsOf(preservedSegment).tailUuid
}

/**
 * The entries with every boundary linked to what came before it, so that a conversation is one chain, and the facts of
 * each compaction by the id of its boundary.
 */
export function bridgeCompactions(entries: readonly TranscriptEntry[]): {
  entries: TranscriptEntry[]
  compactions: Map<string, Compaction>
} {
  const seen = new Set<unknown>()
  const compactions = new Map<string, Compaction>()
  let previous: string | null = null
  const bridged = entries.flatMap((entry): TranscriptEntry[] => {
    if (typeof entry.uuid !== 'string' || !linkedTypes.includes(entry.type)) return [entry]
    // Messages that were kept stay where they were written first: a reader has seen them there.
    if (seen.has(entry.uuid)) return []
    const isBefore = (uuid: unknown) => seen.has(uuid) && uuid !== entry.uuid
    seen.add(entry.uuid)
    if (!isBoundary(entry)) {
      if ((entry.type === 'user' || entry.type === 'assistant') && entry.isSidechain !== true) previous = entry.uuid
      return [entry]
    }
    const { preservedMessages, preservedSegment, ...metadata } = fieldsOf(entry.compactMetadata)
    if (isCompaction(entry)) compactions.set(entry.uuid, toCompaction(metadata))
    const parent = isCompaction(entry) ? entry.logicalParentUuid : lastKept(entry)
    return [{ ...entry, parentUuid: isBefore(parent) ? parent : previous, compactMetadata: metadata }]
  })
  return { entries: bridged, compactions }
}

function toCompaction({ trigger, preTokens }: Record<string, unknown>): Compaction {
  return {
    trigger: trigger === 'manual' || trigger === 'auto' ? trigger : null,
    preTokens: typeof preTokens === 'number' ? preTokens : null,
  }
}
