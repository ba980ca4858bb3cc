// Files and batches with OpenAI's own SDK, the real CLI and the scripted model. The engine by itself is tested in core/batches, the
// statements in contract/.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { toFile } from 'openai'
import { ChatReply, ErrorBody } from '../../../src/surfaces/native/reply-schemas.ts'
import { BatchReply, BatchResult } from '../../../src/surfaces/openai/batches/reply-schemas.ts'
import { FileReply } from '../../../src/surfaces/openai/files/reply-schemas.ts'
import { addKey } from '../../helpers/test-keys.ts'
import { startTestServer, step, type TestServerOptions } from '../../helpers/test-server.ts'

const clientOf = ({ url }: { url: string }, apiKey = 'sk-dummy') =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })

async function setUp(t: TestContext, options: TestServerOptions = {}) {
  const server = await startTestServer(t, options)
  return { server, client: clientOf(server) }
}

const chatUrl = '/v1/chat/completions'
const chatBody = (content: string) => ({ model: 'haiku', messages: [{ role: 'user', content }] })
const line = (id: string, body: object, url = chatUrl) => ({ custom_id: id, method: 'POST', url, body })
const jsonl = (lines: readonly unknown[]) => lines.map((each) => `${JSON.stringify(each)}\n`).join('')

const upload = (client: OpenAI, content: string | Uint8Array, name = 'requests.jsonl') =>
  toFile(Buffer.from(content), name).then((file) => client.files.create({ file, purpose: 'batch' }))

async function create(client: OpenAI, lines: readonly unknown[], endpoint: '/v1/responses' | typeof chatUrl = chatUrl) {
  // With a byte order mark, as some editors write it.
  const { id } = await upload(client, `\uFEFF${jsonl(lines)}`)
  return client.batches.create({ input_file_id: id, endpoint, completion_window: '24h', metadata: { ticket: '42' } })
}

async function untilEnded(client: OpenAI, id: string): Promise<BatchReply> {
  for (;;) {
    const batch = BatchReply.parse(await client.batches.retrieve(id))
    if (!['in_progress', 'cancelling'].includes(batch.status)) return batch
    await delay(20)
  }
}

async function linesOf(client: OpenAI, id: string | null): Promise<BatchResult[]> {
  assert.ok(id !== null)
  const text = await (await client.files.content(id)).text()
  assert.equal((await client.files.retrieve(id)).bytes, Buffer.byteLength(text))
  return text
    .trimEnd()
    .split('\n')
    .map((each) => BatchResult.parse(JSON.parse(each)))
}

test('a batch of chat completions is answered, with its errors in a file of their own', async (t) => {
  const { server, client } = await setUp(t)
  const created = BatchReply.parse(
    await create(client, [
      line('first', chatBody(`batch-item ${step({ text: 'Hello wörld 🦉' })}`)),
      line('wrong', { model: 'haiku' }),
      line('streamed', { ...chatBody('batch-item'), stream: true }),
      line('second', chatBody(`batch-item ${step({ text: 'two' })}`)),
    ]),
  )
  assert.deepEqual(
    [created.status, created.metadata, created.request_counts.total],
    ['in_progress', { ticket: '42' }, 4],
  )
  const batch = await untilEnded(client, created.id)
  assert.deepEqual([batch.status, batch.request_counts], ['completed', { total: 4, completed: 2, failed: 2 }])
  const answers = await linesOf(client, batch.output_file_id)
  assert.deepEqual(
    answers.map(({ custom_id: id, response, error }) => {
      const body = response?.body as unknown as OpenAI.ChatCompletion
      return [id, response?.status_code, body.object, body.choices[0]?.message.content, error]
    }),
    [
      ['first', 200, 'chat.completion', 'Hello wörld 🦉', null],
      ['second', 200, 'chat.completion', 'two', null],
    ],
  )
  assert.match(answers[0]?.response?.request_id ?? '', /^run_/)
  const errors = await linesOf(client, batch.error_file_id)
  assert.deepEqual(
    errors.map(({ custom_id: id, response }) => {
      const { error } = (response?.body ?? {}) as { error: { param: string; type: string } }
      return [id, response?.status_code, error.type, error.param]
    }),
    [
      ['wrong', 400, 'invalid_request_error', 'messages'],
      ['streamed', 400, 'invalid_request_error', 'stream'],
    ],
  )
  assert.equal(server.upstream.requests.filter(({ body }) => JSON.stringify(body).includes('batch-item')).length, 2)
})

test('a batch of responses is answered, and its responses can be read later', async (t) => {
  const { client } = await setUp(t)
  const requests = [line('one', { model: 'haiku', input: `Hi. ${step({ text: 'Hello.' })}` }, '/v1/responses')]
  const batch = await untilEnded(client, (await create(client, requests, '/v1/responses')).id)
  const [answer] = await linesOf(client, batch.output_file_id)
  const body = answer?.response?.body as unknown as OpenAI.Responses.Response
  assert.equal((await client.responses.retrieve(body.id)).output_text, 'Hello.')
  assert.equal(batch.error_file_id, null)
})

test('a file with wrong lines makes a batch that has failed, and names each of them', async (t) => {
  const { server, client } = await setUp(t)
  const good = line('good', chatBody('batch-item'))
  const cases: [string | Buffer, [code: string, line: number | null, param: string | null][]][] = [
    ['', []],
    ['\n \r\n', [['empty_file', null, 'input_file_id']]],
    [
      `${jsonl([good])}{"custom_id": \n[]`,
      [
        ['invalid_json_line', 2, null],
        ['invalid_json_line', 3, null],
      ],
    ],
    [jsonl([good, good]), [['duplicate_custom_id', 2, 'custom_id']]],
    [jsonl([{ ...good, url: '/v1/responses' }]), [['mismatched_endpoint', 1, 'url']]],
    [jsonl([{ ...good, method: 'GET' }]), [['invalid_request', 1, 'method']]],
    [jsonl([{ ...good, body: undefined }]), [['missing_required_parameter', 1, 'body']]],
    [jsonl([{ ...good, custom_id: '' }]), [['invalid_request', 1, 'custom_id']]],
    [Buffer.from(jsonl([line('good', chatBody('caf\xe9'))]), 'latin1'), [['invalid_json_line', 1, null]]],
  ]
  for (const [content, wanted] of cases) {
    if (content === '') {
      await assert.rejects(upload(client, content), { status: 400, param: 'file' })
      continue
    }
    const { id } = await upload(client, content)
    const batch = BatchReply.parse(
      await client.batches.create({ input_file_id: id, endpoint: chatUrl, completion_window: '24h' }),
    )
    assert.equal(batch.status, 'failed')
    assert.notEqual(batch.failed_at, null)
    assert.deepEqual(
      batch.errors?.data.map(({ code, line: number, param }) => [code, number, param]),
      wanted,
      String(content),
    )
  }
  assert.deepEqual(
    server.upstream.requests.filter(({ body }) => JSON.stringify(body).includes('batch-item')),
    [],
  )
})

test('files are uploaded, listed, read and deleted; what they contain comes back byte for byte', async (t) => {
  const { client } = await setUp(t)
  const bytes = Buffer.alloc(3_000_001, 'wörd 🦉\n')
  const file = FileReply.parse(await upload(client, bytes, 'größe.jsonl'))
  assert.deepEqual([file.bytes, file.filename, file.purpose], [bytes.length, 'größe.jsonl', 'batch'])
  assert.equal((file.expires_at ?? 0) - file.created_at, 30 * 86_400)
  const content = Buffer.from(await (await client.files.content(file.id)).arrayBuffer())
  assert.ok(content.equals(bytes))
  const short = await client.files.create({
    ...{ file: await toFile(Buffer.from('{}'), 'a.jsonl'), purpose: 'batch' },
    expires_after: { anchor: 'created_at', seconds: 3600 },
  })
  assert.equal((short.expires_at ?? 0) - short.created_at, 3600)
  const listed: string[] = []
  for await (const { id } of client.files.list({ limit: 1 })) listed.push(id)
  assert.deepEqual(listed, [short.id, file.id])
  assert.deepEqual(
    (await client.files.list({ order: 'asc', purpose: 'batch' })).data.map(({ id }) => id),
    [file.id, short.id],
  )
  assert.deepEqual((await client.files.list({ purpose: 'other' })).data, [])
  assert.deepEqual(await client.files.delete(file.id), { id: file.id, object: 'file', deleted: true })
  await assert.rejects(client.files.retrieve(file.id), { status: 404 })
  await assert.rejects(client.files.content(file.id), { status: 404 })
})

test('a form that is not as it must be is refused, and nothing of it is left', async (t) => {
  const { server, client } = await setUp(t)
  const form = (fields: Record<string, string | Blob>) => {
    const data = new FormData()
    for (const [name, value] of Object.entries(fields))
      data.append(name, value, ...(typeof value === 'string' ? [] : ['a.jsonl']))
    return data
  }
  const blob = new Blob(['{}\n'])
  const send = async (body: FormData | string, headers: Record<string, string> = { authorization: 'Bearer x' }) => {
    const answer = await fetch(`${server.url}/v1/files`, { method: 'POST', body, headers })
    return [answer.status, ((await answer.json()) as { error: { message: string } }).error.message] as const
  }
  const cases: [FormData | string, number, RegExp, Record<string, string>?][] = [
    [form({ purpose: 'batch' }), 400, /^file is required/],
    [form({ file: blob }), 400, /^purpose is required|^purpose must be batch/],
    [
      form({ file: blob, purpose: 'vision' }),
      400,
      /^purpose must be batch: files for other purposes are not stored here/,
    ],
    [form({ other: blob, purpose: 'batch' }), 400, /^other cannot be a file: the file is the field file/],
    [form({ file: 'text', purpose: 'batch' }), 400, /^file is required/],
    [
      form({ file: blob, purpose: 'batch', 'expires_after[anchor]': 'x' }),
      400,
      /^expires_after\.anchor must be created_at/,
    ],
    [
      form({ file: blob, purpose: 'batch', 'expires_after[anchor]': 'created_at', 'expires_after[seconds]': '1' }),
      400,
      /^expires_after\.seconds must be an integer from 3600/,
    ],
    [form({ file: blob, purpose: 'batch', extra: blob }), 400, /^the form may have one file/],
    [
      '{}',
      415,
      /^the body must be a form with a file/,
      { authorization: 'Bearer x', 'content-type': 'application/json' },
    ],
    [form({ file: blob, purpose: 'batch' }), 415, /^a form needs a header that web pages cannot send: add -H/, {}],
    [
      'no form',
      400,
      /^the body is not a valid form: /,
      { authorization: 'Bearer x', 'content-type': 'multipart/form-data; boundary=b' },
    ],
    [
      'no form',
      400,
      /^the body is not a valid form: /,
      { authorization: 'Bearer x', 'content-type': 'multipart/form-data; x=y' },
    ],
  ]
  const boundary = { authorization: 'Bearer x', 'content-type': 'multipart/form-data; boundary=b' }
  const nameless =
    '--b\r\ncontent-disposition: form-data; filename="a"\r\ncontent-type: text/plain\r\n\r\n{}\r\n--b--\r\n'
  cases.push([nameless, 400, /^the form has a file without a name: the file is the field file/, boundary])
  for (const [body, status, message, headers] of cases) {
    const [got, text] = await send(body, headers)
    assert.equal(got, status, `${message} ${text}`)
    assert.match(text, message)
  }
  assert.deepEqual((await client.files.list()).data, [])
})

test('a file may have no name of its own', async (t) => {
  const { server } = await setUp(t)
  const field = '--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
  const head = '--b\r\ncontent-disposition: form-data; name="file"\r\ncontent-type: application/octet-stream\r\n\r\n'
  const headers = { authorization: 'Bearer x', 'content-type': 'multipart/form-data; boundary=b' }
  const body = `${field}${head}{}\r\n--b--\r\n`
  const answer = await fetch(`${server.url}/v1/files`, { method: 'POST', body, headers })
  assert.equal(answer.status, 200)
  const file = FileReply.parse(await answer.json())
  assert.deepEqual([file.bytes, file.filename], [2, ''])
})

test('a batch is cancelled, listed, and refused for what is no file for batches', async (t) => {
  const { client } = await setUp(t, { config: { batchConcurrency: 1 } })
  const slow = chatBody(`batch-item ${step({ tokens: 200, gap: 5 })}`)
  const { id } = await create(client, [line('a', slow), line('b', slow), line('c', slow)])
  const cancelled = await client.batches.cancel(id)
  assert.ok(['cancelling', 'cancelled'].includes(cancelled.status), cancelled.status)
  const batch = await untilEnded(client, id)
  assert.equal(batch.status, 'cancelled')
  assert.notEqual(batch.cancelled_at, null)
  const errors = await linesOf(client, batch.error_file_id)
  assert.deepEqual(errors.at(-1)?.error?.code, 'batch_cancelled')
  await assert.rejects(client.batches.cancel(id), { status: 409 })
  const other = await create(client, [line('a', chatBody('x'))])
  const listed: string[] = []
  for await (const each of client.batches.list({ limit: 1 })) listed.push(each.id)
  assert.deepEqual(listed, [other.id, id])
  const request = { endpoint: chatUrl, completion_window: '24h' } as const
  await assert.rejects(client.batches.create({ ...request, input_file_id: 'file-none' }), {
    status: 404,
    param: 'input_file_id',
  })
  await assert.rejects(client.batches.create({ ...request, input_file_id: batch.error_file_id ?? '' }), {
    ...{ status: 400, param: 'input_file_id' },
  })
  await assert.rejects(client.batches.create({ ...request, input_file_id: 'x', endpoint: '/v1/embeddings' }), {
    ...{ status: 400, param: 'endpoint' },
  })
})

test('a batch of a file that is deleted meanwhile is not created of a part of it', async (t) => {
  const { client } = await setUp(t)
  const lines = Array.from({ length: 400 }, (_, index) => line(`r${index}`, chatBody('x'.repeat(20_000))))
  const { id } = await upload(client, jsonl(lines))
  const [created] = await Promise.allSettled([
    client.batches.create({ input_file_id: id, endpoint: chatUrl, completion_window: '24h' }),
    client.files.delete(id),
  ])
  if (created.status === 'fulfilled') assert.equal(created.value.request_counts?.total, lines.length)
  else assert.equal(created.reason.status, 404)
  await assert.rejects(client.files.content(id), { status: 404 })
})

test('deleted results are gone', async (t) => {
  const { client } = await setUp(t)
  const batch = await untilEnded(client, (await create(client, [line('a', chatBody('x'))])).id)
  const id = batch.output_file_id ?? ''
  await client.files.delete(id)
  await assert.rejects(client.files.content(id), { status: 404 })
})

test('each key sees its own files and batches only', async (t) => {
  const { server } = await setUp(t)
  const secrets = await Promise.all([addKey(server.folders, 'key_1'), addKey(server.folders, 'key_2')])
  const [own, other] = secrets.map((key) => clientOf(server, key)) as [OpenAI, OpenAI]
  const batch = await create(own, [line('a', chatBody('x'))])
  const file = batch.input_file_id
  const { output_file_id: output } = await untilEnded(own, batch.id)
  const calls = [
    other.batches.retrieve(batch.id),
    other.batches.cancel(batch.id),
    ...[file, output ?? ''].flatMap((id) => [
      other.files.retrieve(id),
      other.files.content(id),
      other.files.delete(id),
    ]),
    other.batches.create({ input_file_id: file, endpoint: chatUrl, completion_window: '24h' }),
  ]
  for (const result of await Promise.allSettled(calls)) {
    assert.equal(result.status === 'rejected' && (result.reason as { status: number }).status, 404)
  }
  assert.deepEqual([(await other.files.list()).data, (await other.batches.list()).data], [[], []])
  assert.equal((await own.files.list()).data.length, 2)
})

test('the items of a batch may be requests of the native API, if the key may run agents', async (t) => {
  const { server, client } = await setUp(t)
  const native = '/v1/chat' as typeof chatUrl
  const lines = [
    line(
      'one',
      { prompt: `batch-item ${step({ text: 'from an agent' })}`, persist: false, metadata: { own: 'yes' } },
      native,
    ),
    line('wrong', { prompt: 'batch-item', promt: 'x' }, native),
    line('background', { prompt: 'batch-item', background: true }, native),
  ]
  const batch = await untilEnded(client, (await create(client, lines, native)).id)
  assert.deepEqual([batch.status, batch.request_counts], ['completed', { total: 3, completed: 1, failed: 2 }])
  const [answer] = await linesOf(client, batch.output_file_id)
  const reply = ChatReply.parse(answer?.response?.body)
  assert.deepEqual([reply.result, reply.run_id], ['from an agent', answer?.response?.request_id])
  const run = (await (await fetch(`${server.url}/v1/runs/${reply.run_id}`)).json()) as { metadata: object }
  assert.deepEqual(run.metadata, { own: 'yes', batch_id: batch.id, custom_id: 'one' })
  const errors = await linesOf(client, batch.error_file_id)
  assert.deepEqual(
    errors.map(({ custom_id: id, response }) => {
      const { error, code, details } = ErrorBody.parse(response?.body)
      return [id, response?.status_code, code, details.field, error]
    }),
    [
      ['wrong', 400, 'invalid_request', 'promt', 'promt is not a field of this request; did you mean prompt?'],
      ['background', 400, 'invalid_request', 'background', 'background must be false in a batch'],
    ],
  )

  const plainOnly = clientOf(server, await addKey(server.folders, 'key_1'))
  await assert.rejects(create(plainOnly, lines, native), { status: 403, code: 'insufficient_scope' })
})
