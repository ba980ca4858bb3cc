// A client's settings file: read, compared with what is wanted, copied, written. It is left alone where it cannot be understood to
// the last sign, comments in JSON among them. Not for what is wanted (see clients.ts).
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

/** `text` is what the file is going to hold; with no changes it holds it already. `left` says why it is not touched. */
export type Plan = { target: string; isNew: boolean } & (
  | { left: string }
  | { left: null; text: string; changes: readonly Change[] }
)

/** What has to be done, without doing it. Throws CommandError where the file cannot be read. */
export function planFile(file: SettingsFile): Plan {
  const given = readGiven(file.path)
  if (given === null) {
    const target = file.path
    if (file.needsFolder && !existsSync(dirname(target)))
      return { target, isNew: true, left: 'there is no such folder, so the client may not be installed' }
    return {
      target,
      isNew: true,
      left: null,
      text: serialize(file.settings, file.format),
      changes: changesTo(nothing(file.settings), file.settings),
    }
  }
  try {
    return { target: given.target, isNew: false, left: null, ...editFor(file.format)(given.text, file.settings) }
  } catch (fault) {
    if (fault instanceof MergeConflict) return { target: given.target, isNew: false, left: fault.message }
    throw fault
  }
}

type Given = { target: string; text: string }
type Edit = (text: string, wanted: Json) => { text: string; changes: readonly Change[] }

/** A link is followed, so that it goes on pointing at the file. */
function readGiven(path: string): Given | null {
  try {
    const target = realpathSync(path)
    if (!statSync(target).isFile()) throw new CommandError(`${path} is not a file`)
    return { target, text: readFileSync(target, 'utf8') }
  } catch (fault) {
    if (isSystemError(fault, 'ENOENT')) return null
    throw asCommandError(fault, `${path} cannot be read`)
  }
}

/** So that each setting is told by itself. */
const nothing = (settings: Json): Json => (Array.isArray(settings) ? [] : {})

const editFor = (format: SettingsFile['format']): Edit => (format === 'json' ? editJson : editYaml)

function editJson(text: string, wanted: Json): ReturnType<Edit> {
  if (text.trim() === '') return { text: serialize(wanted, 'json'), changes: changesTo(nothing(wanted), wanted) }
  const existing = valueOr<Json>(
    () => JSON.parse(text),
    'it is not plain JSON; comments and trailing commas would be lost',
  )
  const changes = changesTo(existing, wanted)
  const [, indent = '  '] = /^([ \t]+)\S/m.exec(text) ?? []
  const made = JSON.stringify(withChanges(existing, changes), null, indent) + (text.endsWith('\n') ? '\n' : '')
  return { text: text.includes('\r\n') ? made.replaceAll('\n', '\r\n') : made, changes }
}

function editYaml(text: string, wanted: Json): ReturnType<Edit> {
  const document = parseDocument(text)
  if (document.errors.length > 0) throw new MergeConflict('it is not YAML that can be read')
  const existing = document.toJS() as Json | undefined
  const changes = changesTo(existing, wanted)
  const made = valueOr(() => yamlWith(document, changes), unsafe)
  // What the library has made of it, anchors and tags included, must mean what was meant.
  const read = valueOr<Json>(() => parse(made), unsafe)
  if (!isDeepStrictEqual(read, withChanges(existing, changes))) throw new MergeConflict(unsafe)
  return { text: made, changes }
}

const unsafe = 'it could not be changed safely'

function yamlWith(document: Document.Parsed, changes: readonly Change[]): string {
  for (const { path, after } of changes) {
    const parent = document.getIn(path.slice(0, -1), true)
    // An empty list has to be written as [], and what it gets need not be.
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

/** Writes the whole file or nothing of it; gives the name of the copy of the old one. Throws CommandError. */
export function writeFile(target: string, text: string, isNew: boolean): string | null {
  try {
    if (isNew) mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
    const backup = isNew ? null : copyBeside(target)
    // A key may be put into it later.
    const mode = isNew ? 0o600 : statSync(target).mode & 0o777
    replace(target, text, mode)
    return backup
  } catch (fault) {
    throw asCommandError(fault, `${target} cannot be written`)
  }
}

function replace(target: string, text: string, mode: number): void {
  const beside = `${target}.${process.pid}.new`
  writeFileSync(beside, text, { mode: 0o600, flag: 'wx' })
  try {
    chmodSync(beside, mode)
    renameSync(beside, target)
  } catch (fault) {
    rmSync(beside, { force: true })
    throw fault
  }
}

/** Under the first name that is free: an older copy is never written over. */
function copyBeside(target: string): string {
  for (let count = 1; ; count++) {
    const backup = `${target}.bak${count === 1 ? '' : count}`
    try {
      copyFileSync(target, backup, constants.COPYFILE_EXCL)
      return backup
    } catch (fault) {
      if (!isSystemError(fault, 'EEXIST')) throw fault
    }
  }
}

const isSystemError = (fault: unknown, code: string) => fault instanceof Error && 'code' in fault && fault.code === code

function asCommandError(fault: unknown, what: string): unknown {
  if (!(fault instanceof Error && 'code' in fault)) return fault
  return new CommandError(`${what} (${String(fault.code)})`)
}
