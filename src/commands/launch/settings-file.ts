// A client's settings file: reads it, compares it with the wanted settings, copies and writes it. The file is left unchanged if any part
// of it is not understood, such as comments in JSON. Not for the wanted settings (see clients.ts).
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Document, isCollection, parse, parseDocument } from 'yaml'
import { CommandError } from '../command.ts'
import { type Json, type SettingsFile, serialize } from './instructions.ts'
import { type Change, changesTo, MergeConflict, withChanges } from './merge.ts'

/** `text` is the new content; if there are no changes, it need not be written. `skipReason` explains why the file is not changed. */
export type Plan = { target: string; isNew: boolean } & (
  | { skipReason: string }
  | { skipReason: null; text: string; changes: readonly Change[] }
)

/** Plans the changes without writing them. Throws CommandError if the file cannot be read. */
export function planFile(file: SettingsFile): Plan {
  const existing = readExisting(file.path)
  if (existing === null) {
    const target = file.path
    if (file.needsFolder && !existsSync(dirname(target)))
      return { target, isNew: true, skipReason: 'its folder does not exist, so the client may not be installed' }
    return {
      target,
      isNew: true,
      skipReason: null,
      text: serialize(file.settings, file.format),
      changes: changesTo(emptyLike(file.settings), file.settings),
    }
  }
  try {
    return {
      target: existing.target,
      isNew: false,
      skipReason: null,
      ...editFor(file.format)(existing.text, file.settings),
    }
  } catch (error) {
    if (error instanceof MergeConflict) return { target: existing.target, isNew: false, skipReason: error.message }
    throw error
  }
}

type ExistingFile = { target: string; text: string }
type Edit = (text: string, wanted: Json) => { text: string; changes: readonly Change[] }

/** Links are followed, so that they still point to the file afterwards. */
function readExisting(path: string): ExistingFile | null {
  try {
    const target = realpathSync(path)
    if (!statSync(target).isFile()) throw new CommandError(`${path} is not a file`)
    return { target, text: readFileSync(target, 'utf8') }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null
    throw asCommandError(error, `${path} cannot be read`)
  }
}

/** The empty value to compare with, so that each setting is reported separately. */
const emptyLike = (settings: Json): Json => (Array.isArray(settings) ? [] : {})

const editFor = (format: SettingsFile['format']): Edit => (format === 'json' ? editJson : editYaml)

function editJson(text: string, wanted: Json): ReturnType<Edit> {
  if (text.trim() === '') return { text: serialize(wanted, 'json'), changes: changesTo(emptyLike(wanted), wanted) }
  const existing = valueOr<Json>(
    () => JSON.parse(text),
    'it is not plain JSON; comments and trailing commas would be lost',
  )
  const changes = changesTo(existing, wanted)
  const [, indent = '  '] = /^([ \t]+)\S/m.exec(text) ?? []
  const edited = JSON.stringify(withChanges(existing, changes), null, indent) + (text.endsWith('\n') ? '\n' : '')
  return { text: text.includes('\r\n') ? edited.replaceAll('\n', '\r\n') : edited, changes }
}

function editYaml(text: string, wanted: Json): ReturnType<Edit> {
  const document = parseDocument(text)
  if (document.errors.length > 0) throw new MergeConflict('it cannot be parsed as YAML')
  const existing = document.toJS() as Json | undefined
  const changes = changesTo(existing, wanted)
  const edited = valueOr(() => yamlWith(document, changes), unsafe)
  // The library's output, including anchors and tags, must have the intended value.
  const read = valueOr<Json>(() => parse(edited), unsafe)
  if (!isDeepStrictEqual(read, withChanges(existing, changes))) throw new MergeConflict(unsafe)
  return { text: edited, changes }
}

const unsafe = 'it cannot be changed safely'

function yamlWith(document: Document.Parsed, changes: readonly Change[]): string {
  for (const { path, after } of changes) {
    const parent = document.getIn(path.slice(0, -1), true)
    // An empty list must be written as [], but a list with entries need not be in that style.
    if (isCollection(parent) && parent.items.length === 0) parent.flow = false
    if (path.length === 0) document.contents = document.createNode(after) as typeof document.contents
    else document.setIn(path, document.createNode(after))
  }
  return document.toString({ lineWidth: 0 })
}

function valueOr<T>(read: () => T, message: string): T {
  try {
    return read()
  } catch {
    throw new MergeConflict(message)
  }
}

/** Writes the whole file or nothing. Returns the path of the copy of the old file. Throws CommandError. */
export function writeFile(target: string, text: string, isNew: boolean): string | null {
  try {
    if (isNew) mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
    const backup = isNew ? null : copyBeside(target)
    // The user may add a key later.
    const mode = isNew ? 0o600 : statSync(target).mode & 0o777
    replace(target, text, mode)
    return backup
  } catch (error) {
    throw asCommandError(error, `${target} cannot be written`)
  }
}

function replace(target: string, text: string, mode: number): void {
  const temporary = `${target}.${process.pid}.new`
  writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' })
  try {
    chmodSync(temporary, mode)
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Uses the first free name: an older copy is never overwritten. */
function copyBeside(target: string): string {
  for (let count = 1; ; count++) {
    const backup = `${target}.bak${count === 1 ? '' : count}`
    try {
      copyFileSync(target, backup, constants.COPYFILE_EXCL)
      return backup
    } catch (error) {
      if (!isSystemError(error, 'EEXIST')) throw error
    }
  }
}

const isSystemError = (error: unknown, code: string) => error instanceof Error && 'code' in error && error.code === code

function asCommandError(error: unknown, what: string): unknown {
  if (!(error instanceof Error && 'code' in error)) return error
  return new CommandError(`${what} (${String(error.code)})`)
}
