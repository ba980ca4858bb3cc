// Reads the requests of a batch from its file, and says what is wrong with which line. The bodies are checked when their turn comes, as
// OpenAI does.
import type { BatchItem } from '../../../core/batches/batches.ts'
import { toAppError } from '../../../errors.ts'
import { parsePart, ShapeScan, shapeError } from '../../../http/validate.ts'
import type { FileLine } from '../files/content.ts'
import type { LineError } from './reply-schemas.ts'
import { BatchLine, type Endpoint } from './schemas.ts'

/** As OpenAI. */
const requestsMax = 50_000

/** More errors help nobody. */
const errorsMax = 100

/** How many requests are stored at once. */
const pageSize = 200

/** The file cannot be worked through: the batch fails. */
export class BadFile extends Error {
  readonly errors: LineError[]

  constructor(errors: LineError[]) {
    super(errors[0]?.message)
    this.errors = errors
  }
}

type NewItem = Omit<BatchItem, 'position'>

/** Throws BadFile once all lines were read. */
export async function* readItems(lines: AsyncIterable<FileLine>, endpoint: Endpoint): AsyncGenerator<NewItem[]> {
  const errors: LineError[] = []
  const ids = new Set<string>()
  let page: NewItem[] = []
  for await (const { number, bytes } of lines) {
    const item = readLine(bytes, number, { endpoint, ids })
    if ('code' in item) errors.push(item)
    else page.push(item)
    if (ids.size > requestsMax)
      throw new BadFile([
        {
          code: 'too_many_tasks',
          line: number,
          message: `a batch may have at most ${requestsMax} requests`,
          param: null,
        },
      ])
    if (errors.length >= errorsMax) throw new BadFile(errors)
    if (page.length < pageSize) continue
    if (errors.length === 0) yield page
    page = []
  }
  if (errors.length > 0) throw new BadFile(errors)
  if (ids.size === 0)
    throw new BadFile([
      { code: 'empty_file', line: null, message: 'the input file has no requests', param: 'input_file_id' },
    ])
  if (page.length > 0) yield page
}

/** Takes a byte order mark away, as programs on Windows put it before the first line. */
const utf8 = new TextDecoder('utf-8', { fatal: true })

function readLine(
  bytes: Uint8Array | null,
  line: number,
  { endpoint, ids }: { endpoint: Endpoint; ids: Set<string> },
): NewItem | LineError {
  const wrong = (code: string, message: string, param: string | null = null): LineError => ({
    code,
    line,
    message,
    param,
  })
  if (bytes === null) return wrong('invalid_json_line', 'the line is too long')
  const shape = new ShapeScan().add(bytes)
  if (shape !== null) return wrong('invalid_json_line', shape.replace('the body', 'the line'))
  let [text, json]: [string, unknown] = ['', null]
  try {
    text = utf8.decode(bytes)
  } catch {
    return wrong('invalid_json_line', 'the line is not valid UTF-8')
  }
  try {
    json = JSON.parse(text)
  } catch (error) {
    return wrong('invalid_json_line', `the line is not valid JSON: ${error instanceof Error ? error.message : error}`)
  }
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    return wrong('invalid_json_line', 'the line must be an object with custom_id, method, url and body')
  try {
    const exact = shapeError(json)
    if (exact !== null) return wrong('invalid_json_line', exact.replace('the body', 'the line'))
    const { custom_id: customId, url, body } = parsePart(BatchLine, json, '')
    if (url !== endpoint) return wrong('mismatched_endpoint', `url must be the batch's endpoint, ${endpoint}`, 'url')
    if (ids.has(customId))
      return wrong('duplicate_custom_id', `custom_id must be unique within the file: ${customId}`, 'custom_id')
    ids.add(customId)
    return { customId, request: body }
  } catch (thrown) {
    const { message, details, kind } = toAppError(thrown)
    return wrong(kind ?? 'invalid_request', message, details.field ?? null)
  }
}
