// Which files a memory file (CLAUDE.md) imports with `@path`, directly or through other files. They count as part of
// it.
import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { FileCache } from './file-stamp.ts'

/** The CLI follows imports this deep. */
const depthMax = 5

const importPattern = /(?:^|\s)@([^\s`'"<>|]+)/g

/** The paths as they are written in the file. */
const mentions = new FileCache((file: string) =>
  [...readFileSync(file, 'utf8').matchAll(importPattern)].flatMap(([, path]) => path ?? []),
)

function absolutePath(path: string, from: string, home: string): string {
  if (path.startsWith('~/')) return join(home, path.slice(2))
  return isAbsolute(path) ? path : resolve(dirname(from), path)
}

/** Does not include the file itself. Includes paths that do not exist: a file may appear there. */
export function importedFiles(file: string, home: string, depth = 0, seen = new Set<string>()): string[] {
  if (depth >= depthMax) return []
  const direct = (mentions.get(file) ?? [])
    .map((path) => absolutePath(path, file, home))
    .filter((path) => !seen.has(path))
  for (const path of direct) seen.add(path)
  return direct.flatMap((path) => [path, ...importedFiles(path, home, depth + 1, seen)])
}
