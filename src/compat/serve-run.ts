// The way of a request through a compatible API, once for all of them: from its body to the answer of its run, whole or
// streamed, or to an estimate of its tokens. What differs between the APIs is in the CompatApi of each. Not for the
// native API, which checks other things; the surface's error handler formats errors.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Caller, requireScope } from '../auth/authenticate.ts'
import type { ModelFact } from '../core/agent.ts'
import type { Batches, BatchStore, ItemAnswer } from '../core/batches/batches.ts'
import type { RunHandle, RunInput, Runs } from '../core/runs.ts'
import { nameIgnoredFields, refuseIgnoredFields, reportIgnoredFields } from '../http/ignored-fields.ts'
import type { Frame } from '../http/sse.ts'
import { cancelOnAbort, startRun, startRunFor } from '../http/start-run.ts'
import { collectRun, forwardRun, type StreamEncoder, streamRun, type ToError } from '../http/stream-run.ts'
import { AnswerCollector, type AnswerPlan, type WholeAnswer } from './answer-stream.ts'
import { answerByRun, type ItemRequest, type ToLine } from './batch-items.ts'
import { alteredTools, checkToolSchemas, type RequestedTool } from './client-tools.ts'
import { checkAnswerSchema } from './json-schema-checks.ts'
import { type ResolvedModel, resolveModel } from './models.ts'
import { ignoredNestedFields, type NestedTable } from './request-fields.ts'

/** What a compatible API needs from the server. */
export type CompatOptions = {
  runs: Runs
  /** The models that the CLI reports. Called for every request. */
  models(): Promise<ModelFact[]>
  /** Names that clients use, and the models they stand for. */
  modelMap: Readonly<Record<string, string>>
  requestTimeoutMs: number
  /** Estimates how many tokens the model's API would count. `model` is a full id. */
  countTokens(run: TranslatedRun, model: string): number
}

/** What an API that has batches needs besides. */
export type BatchOptions = {
  batches: Batches
  /** Batches and their results. */
  batchStore: BatchStore
  /** The caller of that key. Throws `unauthorized` if it was revoked or has expired. */
  callerOf(owner: string | null): Promise<Caller>
}

type TranslatedRun = Omit<RunInput, 'timeoutMs'>

/** A request as a run, and how its answer is written. */
export type Translation<Plan extends AnswerPlan> = {
  run: TranslatedRun
  plan: Plan
  /** The names of the fields that have no effect. */
  ignored: string[]
  /** Their schemas are not checked yet. */
  tools: RequestedTool[]
}

type CompatBody = { model: string; stream?: boolean | null | undefined }

export type CompatApi<Body extends CompatBody, Plan extends AnswerPlan> = {
  /** The body, validated. Throws `invalid_request`. */
  parse(body: unknown): Body
  /** Throws `invalid_request`. */
  translate(
    body: Body,
    resolved: ResolvedModel,
    request: Pick<FastifyRequest, 'caller' | 'headers'>,
    options: CompatOptions,
  ): Translation<Plan> | Promise<Translation<Plan>>
  /** What the objects inside a request may have; the rest is reported as ignored. */
  nestedFields: readonly NestedTable[]
  /** The location of the answer's schema in the request, for errors. */
  schemaParam(plan: Plan): string
  toReply(answer: WholeAnswer, plan: Plan, run: RunHandle): object
  /** The answer to a background run that has only just been accepted. Without it there are no background runs. */
  toAcceptedReply?(plan: Plan, run: RunHandle, request: { caller: Caller }): Promise<object>
  encoder(plan: Plan, run: RunHandle, request: FastifyRequest): StreamEncoder
}

/** An API whose requests may also be messages of a connection. */
export type MessageApi<Body extends CompatBody, Plan extends AnswerPlan> = CompatApi<Body, Plan> & {
  messageEncoder(plan: Plan, run: RunHandle): StreamEncoder
}

/** Starts the run of a request and answers with it. */
export async function serveRun<Body extends CompatBody, Plan extends AnswerPlan>(
  api: CompatApi<Body, Plan>,
  options: CompatOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { body, run: input, plan, ignored } = await prepare(api, options, request)
  reportIgnoredFields(reply, ignored)
  const run = await startRun(options.runs, { ...input, timeoutMs: options.requestTimeoutMs }, request, reply)
  if (body.stream) return streamRun(run, api.encoder(plan, run, request), request, reply)
  if (input.background && api.toAcceptedReply) return api.toAcceptedReply(plan, run, request)
  const answer = await collectAnswer(run, plan)
  // Only now is it known whether the model made the call that nothing can force it to make.
  const isForced = input.plain?.requiredOutput === 'call'
  if (isForced && answer.stop === 'end_turn') nameIgnoredFields(reply, ['tool_choice', ...ignored])
  return reply.send(api.toReply(answer, plan, run))
}

/** A request that came as a message of a connection, and how its answer is sent. */
export type MessageRequest = Pick<FastifyRequest, 'body' | 'caller' | 'headers' | 'trace'> & {
  /** Aborted when the client leaves, which cancels the run. */
  gone: AbortSignal
  /** Settles to false once nobody reads any more. */
  write(frames: readonly Frame[]): Promise<boolean>
  toError: ToError
}

/** As serveRun, streamed to a connection. Throws if the request is refused, or the run fails before any content. */
export async function serveMessage<Body extends CompatBody, Plan extends AnswerPlan>(
  api: MessageApi<Body, Plan>,
  options: CompatOptions,
  message: MessageRequest,
): Promise<void> {
  const { run: input, plan, ignored } = await prepare(api, options, message)
  refuseIgnoredFields(message.headers, ignored)
  const run = await startRunFor(message, options.runs, { ...input, timeoutMs: options.requestTimeoutMs })
  const { cancel, release } = cancelOnAbort(run, message.gone)
  const write = async (frames: readonly Frame[]) => {
    const isReading = await message.write(frames)
    if (!isReading) cancel()
    return isReading
  }
  await forwardRun(run, api.messageEncoder(plan, run), write, message.toError).finally(release)
}

/** Answers an item of a batch. Does not throw. */
export const answerItem = <Body extends CompatBody, Plan extends AnswerPlan>(
  api: CompatApi<Body, Plan>,
  options: CompatOptions,
  { body, headers, ...item }: ItemRequest,
  toLine: ToLine,
): Promise<ItemAnswer> =>
  answerByRun(
    options.runs,
    { body, headers, ...item },
    async (caller) => {
      const { run: input, plan, ignored } = await prepare(api, options, { body, headers, caller })
      refuseIgnoredFields(headers, ignored)
      return {
        input: { ...input, timeoutMs: options.requestTimeoutMs },
        toAnswer: async (run, onEvent) => api.toReply(await collectAnswer(run, plan, onEvent), plan, run),
      }
    },
    toLine,
  )

/** Estimates the input tokens of a request, without a run. */
export async function countInputTokens<Body extends CompatBody, Plan extends AnswerPlan>(
  api: CompatApi<Body, Plan>,
  options: CompatOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<number> {
  const { run, model, ignored } = await prepare(api, options, request)
  reportIgnoredFields(reply, ignored)
  reply.header('x-claude-serve-estimate', 'input_tokens')
  return options.countTokens(run, model)
}

/** The model that a name stands for. Throws `model_not_found`, and `insufficient_scope` if the caller may not use agents. */
export async function resolveFor(
  caller: Caller,
  name: string,
  { models, modelMap }: Pick<CompatOptions, 'models' | 'modelMap'>,
): Promise<ResolvedModel> {
  const resolved = resolveModel(name, await models(), modelMap)
  if (resolved.agent) requireScope(caller, 'agent')
  return resolved
}

/** Everything before the run. The scope comes before translation: a key without it learns nothing about its request. */
async function prepare<Body extends CompatBody, Plan extends AnswerPlan>(
  api: CompatApi<Body, Plan>,
  options: CompatOptions,
  request: Pick<FastifyRequest, 'body' | 'caller' | 'headers'>,
): Promise<Translation<Plan> & { body: Body; model: string }> {
  const body = api.parse(request.body)
  const resolved = await resolveFor(request.caller, body.model, options)
  const translation = await api.translate(body, resolved, request, options)
  const { jsonSchema } = translation.run.options
  await checkAnswerSchema(jsonSchema, api.schemaParam(translation.plan))
  await checkToolSchemas(translation.tools)
  const ignored = [...translation.ignored, ...nestedIgnored(api, request.body, translation)]
  return { ...translation, ignored, body, model: resolved.publicName }
}

function nestedIgnored<Body extends CompatBody, Plan extends AnswerPlan>(
  { nestedFields }: CompatApi<Body, Plan>,
  body: unknown,
  { ignored, tools }: Translation<Plan>,
): string[] {
  const nested = ignoredNestedFields(body as object, nestedFields, ignored)
  return [...nested, ...alteredTools(tools)].filter((name) => !ignored.includes(name))
}

async function collectAnswer(run: RunHandle, plan: AnswerPlan, onEvent = () => {}): Promise<WholeAnswer> {
  const answer = new AnswerCollector(plan)
  const end = await collectRun(run, (event) => {
    onEvent()
    answer.accept(event)
  })
  return answer.end(end)
}
