// OpenAI's routes: chat completions, whole and as a stream, and the models. The translation itself is pure and stands in the
// other files. Register it in a scope of its own, as its error answers are meant for its routes only.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ModelFact } from '../../core/agent.ts'
import { checkAnswerSchema } from '../../core/answer-schema.ts'
import { allEvents, takeEarlyEvents } from '../../core/early-events.ts'
import type { RunEnd, RunEvent } from '../../core/events.ts'
import { refuseIgnored } from '../../core/fields.ts'
import { modelNames, resolveModel } from '../../core/models.ts'
import type { RunHandle, Runs } from '../../core/runs.ts'
import { checkToolSchemas } from '../../core/tool-offer.ts'
import { AppError } from '../../errors.ts'
import { faultOf } from '../../http/faults.ts'
import { endWithConnection } from '../../http/hang-up.ts'
import { type Frame, openSse } from '../../http/sse.ts'
import { parseBody } from '../../http/validate.ts'
import { ChatAnswer, ChatChunks, type ReplyIds } from './chat-reply.ts'
import { type AnswerShape, type ChatRun, toChatRun } from './chat-request.ts'
import { ChatRequest } from './chat-schemas.ts'
import { openaiHeaders, openaiStatus, runFailure, toErrorBody } from './errors.ts'
import { toModel, toModelList } from './models.ts'

export type OpenaiOptions = {
  runs: Runs
  /** What the CLI reports. Asked for with each request. */
  models(): Promise<ModelFact[]>
  /** Names that clients use, and what they stand for. */
  modelMap: Readonly<Record<string, string>>
  requestTimeoutMs: number
  /** Milliseconds since 1970. */
  now(): number
}

/** Base URLs are often given with `/v1` once too often, or without. */
const prefixes = ['/v1', '/v1/v1', '']

export function registerOpenai(app: FastifyInstance, options: OpenaiOptions): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = faultOf(thrown, request)
    return reply.code(openaiStatus(error)).headers(openaiHeaders(error)).send(toErrorBody(error))
  })
  const paths = (path: string) => prefixes.flatMap((prefix) => [`${prefix}${path}`, `${prefix}${path}/`])
  for (const path of paths('/chat/completions')) {
    app.post(path, (request, reply) => chatCompletions(options, request, reply))
  }
  const constraints = { dialect: 'openai' }
  for (const path of paths('/models')) {
    app.get(path, { constraints }, async () => toModelList(modelNames(await options.models(), options.modelMap)))
  }
  refuseElsewhere(app)
  for (const prefix of prefixes) {
    app.get<{ Params: { '*': string } }>(`${prefix}/models/*`, { constraints }, async ({ params }) => {
      const id = params['*'].replace(/\/$/, '')
      resolveModel(id, await options.models(), options.modelMap)
      return toModel(id)
    })
  }
}

/** What else programs ask of OpenAI: they are to hear in its own words that it is not here. */
const elsewhere = [
  ...[
    'completions',
    'responses',
    'embeddings',
    'moderations',
    'images/*',
    'audio/*',
    'files',
    'files/*',
    'batches',
    'batches/*',
  ],
  ...[
    'assistants',
    'assistants/*',
    'threads',
    'threads/*',
    'vector_stores',
    'vector_stores/*',
    'fine_tuning/*',
    'uploads',
  ],
]

function refuseElsewhere(app: FastifyInstance): void {
  for (const path of elsewhere) {
    app.all(`/v1/${path}`, async ({ url }) => {
      throw new AppError(
        'not_found',
        `${url.split('?')[0]} is not among what this server does: use /v1/chat/completions`,
      )
    })
  }
  app.get('/v1/chat/completions', async (_request, reply) => {
    reply.header('allow', 'POST')
    throw new AppError('method_not_allowed', '/v1/chat/completions takes POST, not GET')
  })
}

async function chatCompletions(options: OpenaiOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const body = parseBody(ChatRequest, request.body)
  const chat = toChatRun(body, resolveModel(body.model, await options.models(), options.modelMap))
  await checkAnswerSchema(chat.run.options.jsonSchema, 'response_format.json_schema.schema')
  await checkToolSchemas(chat.tools)
  const refused = request.headers['x-claude-serve-strict'] === 'true' ? refuseIgnored(chat.ignored) : null
  if (refused !== null) throw refused
  tellIgnored(reply, chat.ignored)
  const run = start(options, chat, request, reply)
  const ids = { id: `chatcmpl-${run.id.replace(/^run_/, '')}`, created: Math.floor(options.now() / 1000) }
  return body.stream ? answerAsStream(run, chat.shape, ids, request, reply) : answerWhole(run, chat, ids, reply)
}

function tellIgnored(reply: FastifyReply, names: readonly string[]): void {
  if (names.length > 0) reply.header('x-claude-serve-ignored', names.join(', '))
}

/** Starts the run, which ends with the connection. */
function start(
  { runs, requestTimeoutMs }: OpenaiOptions,
  chat: ChatRun,
  request: FastifyRequest,
  reply: FastifyReply,
): RunHandle {
  const run = runs.start({ ...chat.run, timeoutMs: requestTimeoutMs })
  endWithConnection(run, request, reply)
  return run
}

async function answerWhole(
  run: RunHandle,
  { shape, ignored }: ChatRun,
  ids: ReplyIds,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const answer = new ChatAnswer(shape)
  let end: RunEnd | null = null
  for await (const event of run.events) {
    answer.accept(event)
    if (event.type === 'run-end') end = event
  }
  if (end === null) throw new Error('a run without an end')
  if (end.outcome !== 'succeeded') throw runFailure(end, run.id)
  const completion = answer.toCompletion(end, ids)
  // Whether the model follows a forced choice shows only now.
  if (shape.wantsCall && completion.choices[0].finish_reason === 'stop') tellIgnored(reply, [...ignored, 'tool_choice'])
  return reply.send(completion)
}

const toFrame = (chunk: object): Frame => ({ data: JSON.stringify(chunk) })

async function answerAsStream(
  run: RunHandle,
  shape: AnswerShape,
  ids: ReplyIds,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const events = run.events[Symbol.asyncIterator]()
  const early = await takeEarlyEvents(events, (end) => runFailure(end, run.id))
  reply.hijack()
  const stream = openSse(reply.raw, { headers: reply.getHeaders() })
  const chunks = new ChatChunks(shape, ids)
  try {
    for await (const event of allEvents(early, events)) {
      const frames = framesOf(event, chunks, run.id)
      if (frames.length > 0 && !(await stream.write(frames))) break
    }
  } catch (thrown) {
    await stream.write([toFrame(toErrorBody(faultOf(thrown, request)))])
  } finally {
    await events.return?.()
    stream.end()
  }
  return reply
}

/** Only a stream that ends well ends with `[DONE]`: a failure is thrown instead. */
function framesOf(event: RunEvent, chunks: ChatChunks, runId: string): Frame[] {
  if (event.type !== 'run-end') return chunks.of(event).map(toFrame)
  if (event.outcome !== 'succeeded') throw runFailure(event, runId)
  return [...chunks.of(event).map(toFrame), { data: '[DONE]' }]
}
