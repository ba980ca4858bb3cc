// The two files of a batch: resolves the path of the output, checks that the input can be read, and reads the input line by line. Not for
// the contents of either.
import { createReadStream, realpathSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { CommandError, reasonOf, UsageError } from '../command.ts'
import { type BadItem, InputReader, type Item, type Request } from './input.ts'
import { countLines, linesOf } from './lines.ts'

const standardInput = '-'

/** The real path, so that one file always has one name. Throws CommandError if the file cannot exist. */
export function resolveOutputPath(path: string): string {
  const file = resolve(path)
  const found = statSync(file, { throwIfNoEntry: false })
  if (found !== undefined && !found.isFile())
    throw new CommandError(`${path} is not a file: choose another with --output`)
  if (found !== undefined) return realpathSync(file)
  try {
    return join(realpathSync(dirname(file)), basename(file))
  } catch {
    throw new CommandError(
      `the folder ${dirname(file)} does not exist: create it, or choose another file with --output`,
    )
  }
}

/** Throws CommandError if the input cannot be read, and UsageError if it is also the output. */
export function checkInput(file: string, output: string): void {
  if (file === standardInput) return
  const found = statOrRefuse(file)
  if (found.isDirectory()) throw new CommandError(`${file} is a folder: pass a file`)
  const other = statSync(output, { throwIfNoEntry: false })
  if (other?.ino === found.ino && other.dev === found.dev)
    throw new UsageError(`--output: ${file} is the input; choose another file`)
}

function statOrRefuse(file: string): Stats {
  try {
    return statSync(file)
  } catch (error) {
    throw unreadable(file, error)
  }
}

const unreadable = (file: string, error: unknown) => new CommandError(`${file} cannot be read: ${reasonOf(error)}`)

/** Closes the input when `stop` is aborted. Throws CommandError. */
export async function* itemsOf(
  file: string,
  defaults: Request,
  stop: AbortSignal,
): AsyncGenerator<Item | BadItem, undefined> {
  const reader = new InputReader(defaults)
  const source = file === standardInput ? process.stdin : createReadStream(file)
  const closeInput = () => source.destroy()
  stop.addEventListener('abort', closeInput, { once: true })
  try {
    for await (const line of linesOf(source)) {
      const item = reader.read(line)
      if (item !== null) yield item
    }
  } catch (error) {
    if (!stop.aborted) throw unreadable(file, error)
  } finally {
    stop.removeEventListener('abort', closeInput)
  }
}

/** The number of lines; null if it cannot be known before all have been read. */
export async function totalOf(file: string, stop: AbortSignal): Promise<number | null> {
  if (file === standardInput || !statSync(file).isFile()) return null
  return countLines(createReadStream(file, { signal: stop })).catch(() => null)
}
