// Whether this machine, or the container, is about to run out of memory. Not for what the server itself uses (idle-memory.ts).
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

/** What can be had without swapping, within the limit of a container if there is one. */
function readMemory(): MemoryState {
  const limit = process.constrainedMemory()
  const totalBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  return { availableBytes: Math.min(process.availableMemory(), freemem()), totalBytes }
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
