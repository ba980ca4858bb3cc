// The two files of a batch, before anything is done with them: where the output really is, and whether the input can be read. Then the
// input, line by line. Not for what is in either.
import { createReadStream, realpathSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { CommandError, UsageError } from '../command.ts'
import { type BadItem, InputReader, type Item, type Request } from './input.ts'
import { countLines, linesOf } from './lines.ts'

const standardInput = '-'

/** By its real path, so that it has one name however it was written. Throws CommandError where there can be no such file. */
export function resolveOutputPath(path: string): string {
  const file = resolve(path)
  const found = statSync(file, { throwIfNoEntry: false })
  if (found !== undefined && !found.isFile()) throw new CommandError(`${path} is not a file: name one with --output`)
  if (found !== undefined) return realpathSync(file)
  try {
    return join(realpathSync(dirname(file)), basename(file))
  } catch {
    throw new CommandError(`there is no folder ${dirname(file)}: make it, or name another file with --output`)
  }
}

/** Throws CommandError for an input that cannot be read, and UsageError where it is the output too. */
export function checkInput(file: string, output: string): void {
  if (file === standardInput) return
  const found = statOrRefuse(file)
  if (found.isDirectory()) throw new CommandError(`${file} is a folder: name a file`)
  const other = statSync(output, { throwIfNoEntry: false })
  if (other?.ino === found.ino && other.dev === found.dev)
    throw new UsageError(`--output: ${file} is the input; name another file`)
}

function statOrRefuse(file: string): Stats {
  try {
    return statSync(file)
  } catch (fault) {
    throw unreadable(file, fault)
  }
}

const unreadable = (file: string, fault: unknown) =>
  new CommandError(`${file} cannot be read: ${fault instanceof Error ? fault.message : String(fault)}`)

/** The input is let go of when `stop` is aborted. Throws CommandError. */
export async function* itemsOf(
  file: string,
  defaults: Request,
  stop: AbortSignal,
): AsyncGenerator<Item | BadItem, undefined> {
  const reader = new InputReader(defaults)
  const source = file === standardInput ? process.stdin : createReadStream(file)
  const letGo = () => source.destroy()
  stop.addEventListener('abort', letGo, { once: true })
  try {
    for await (const line of linesOf(source)) {
      const item = reader.read(line)
      if (item !== null) yield item
    }
  } catch (fault) {
    if (!stop.aborted) throw unreadable(file, fault)
  } finally {
    stop.removeEventListener('abort', letGo)
  }
}

/** How many lines there are; null where that cannot be known before they have come. */
export async function totalOf(file: string, stop: AbortSignal): Promise<number | null> {
  if (file === standardInput || !statSync(file).isFile()) return null
  return countLines(createReadStream(file, { signal: stop })).catch(() => null)
}
