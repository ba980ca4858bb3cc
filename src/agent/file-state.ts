// Whether a file has changed since it was last looked at, without reading it. Asked on the way of every request, and so
// without the detour through Node's thread pool: on a local disk the answer takes microseconds.
import { statSync } from 'node:fs'

/** A word that is equal for as long as the file, or folder, is the same; `-` where there is none. */
export function fileState(path: string): string {
  try {
    const info = statSync(path, { throwIfNoEntry: false })
    return info === undefined ? '-' : `${info.mtimeMs}:${info.size}:${info.ino}`
  } catch {
    return '-'
  }
}
