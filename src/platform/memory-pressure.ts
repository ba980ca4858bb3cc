// Whether this machine is about to run out of memory. Not for what the server itself uses (idle-memory.ts).
import { freemem, totalmem } from 'node:os'

const mebibyte = 1024 * 1024

/** Less than that is needed for what runs anyway, in bytes: a process that starts would take it. */
const reserveBytes = 400 * mebibyte

/** How long an answer holds, in milliseconds. */
const heldMs = 250

export type MemoryState = { availableBytes: number; totalBytes: number }

/** Short if less is left than the reserve, or than a tenth of a small machine. */
export const isShort = ({ availableBytes, totalBytes }: MemoryState): boolean =>
  availableBytes < Math.min(reserveBytes, totalBytes / 10)

/** Systems that report as free only what nothing uses at all, not what they would give back: that is always little. */
const isUnknown = !['linux', 'win32'].includes(process.platform)

/**
 * What can be had without swapping. Of the machine: what a container has left cannot be told from what it holds of files, which it would
 * give back. Its limit counts for the number of processes instead (config/options.ts).
 */
function readMemory(): MemoryState {
  return { availableBytes: isUnknown ? Number.POSITIVE_INFINITY : freemem(), totalBytes: totalmem() }
}

/** Reads it at most every quarter of a second. */
export function memoryWatch(now: () => number, read = readMemory): () => boolean {
  let answer = false
  let readAt = Number.NEGATIVE_INFINITY
  return () => {
    if (now() - readAt >= heldMs) {
      answer = isShort(read())
      readAt = now()
    }
    return answer
  }
}
