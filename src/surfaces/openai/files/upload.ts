// Reads the form that uploads a file: its bytes are stored as they arrive, so that a large one never is in memory. Not for forms in general.
import { randomBytes } from 'node:crypto'
import type { FileStore, StoredFile } from '../../../core/batches/batches.ts'
import { AppError, invalidField, missingField } from '../../../errors.ts'
import { parsePart } from '../../../http/validate.ts'
import { UploadFields } from './schemas.ts'

/** As large as OpenAI accepts files for batches. */
const fileBytesMax = 200_000_000

/** Bytes are stored in pieces of at least this size, but for the last. */
const pieceBytes = 256 * 1024

/** As OpenAI's files for batches. */
const defaultLifeMs = 30 * 86_400_000

/** The limits on the parts of a form: one file, and the few fields that there are. */
export const formLimits = { fileSize: fileBytesMax, files: 1, fields: 10, fieldSize: 1000, parts: 11, headerPairs: 20 }

/** Ends early if the file is larger than the limit. */
type FormFile = AsyncIterable<Uint8Array> & { truncated: boolean }

export type FormPart =
  | { type: 'field'; fieldname: string; value: unknown }
  | { type: 'file'; fieldname: string | undefined; filename: string | undefined; file: FormFile }

export type Upload = { store: FileStore; owner: string | null; nowMs: number }

/** Throws `invalid_request` and `body_too_large`. Of a form that is refused nothing is left. */
export async function receiveFile(parts: () => AsyncIterable<FormPart>, upload: Upload): Promise<StoredFile> {
  const { store, owner, nowMs } = upload
  const id = `file-${randomBytes(12).toString('hex')}`
  const fields: Record<string, unknown> = {}
  let name: string | null = null
  try {
    for await (const part of whatIsRead(parts)) {
      if (part.type === 'field') setField(fields, part.fieldname, part.value)
      else if (part.fieldname === undefined)
        throw new AppError('invalid_request', 'the form has a file without a name: the file is the field file')
      else if (part.fieldname !== 'file')
        throw invalidField(part.fieldname.slice(0, 80), 'cannot be a file: the file is the field file')
      else {
        name = part.filename?.slice(0, 255) ?? ''
        const facts = { purpose: '', bytes: 0, lines: null, createdAtMs: nowMs, expiresAtMs: null }
        await store.createFile({ id, owner, name, ...facts })
        await storeBytes(store, id, part.file)
      }
    }
    if (name === null) throw missingField('file')
    const { purpose, expires_after: expires } = parsePart(UploadFields, fields, '')
    const lifeMs = expires === undefined ? defaultLifeMs : expires.seconds * 1000
    await store.completeFile(id, { purpose, expiresAtMs: nowMs + lifeMs })
    const file = await store.file(id)
    if (file === null) throw new Error('a file is missing from the store')
    if (file.bytes === 0) throw invalidField('file', 'is empty')
    return file
  } catch (error) {
    await store.deleteFile(id).catch(() => {})
    throw error
  }
}

const tooLarge = () => new AppError('body_too_large', `file must be at most ${fileBytesMax} bytes`, { field: 'file' })

const limitErrors = ['FST_PARTS_LIMIT', 'FST_FILES_LIMIT', 'FST_FIELDS_LIMIT']

/** What goes wrong with reading a form is the fault of the form. */
async function* whatIsRead<T>(source: () => AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* source()
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string }
    if (code === 'FST_REQ_FILE_TOO_LARGE') throw tooLarge()
    if (limitErrors.includes(code))
      throw new AppError('invalid_request', 'the form may have one file and at most 10 fields')
    throw new AppError('invalid_request', `the body is not a valid form: ${message}`)
  }
}

/** `a[b]` is a field of an object. */
function setField(fields: Record<string, unknown>, name: string, value: unknown): void {
  const [, outer, inner] = /^(\w{1,64})\[(\w{1,64})\]$/.exec(name) ?? []
  if (outer === undefined || inner === undefined) fields[name] = value
  else fields[outer] = { ...(fields[outer] as object), [inner]: value }
}

async function storeBytes(store: FileStore, id: string, file: FormFile): Promise<void> {
  let waiting: Uint8Array[] = []
  let bytes = 0
  const flush = async () => {
    if (bytes > 0) await store.addFileBytes(id, Buffer.concat(waiting))
    waiting = []
    bytes = 0
  }
  for await (const chunk of whatIsRead(() => file)) {
    waiting.push(chunk)
    bytes += chunk.length
    if (bytes >= pieceBytes) await flush()
  }
  await flush()
  if (file.truncated) throw tooLarge()
}
