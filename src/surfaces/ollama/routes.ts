// Ollama's routes, for programs that speak nothing else: chat and generate, whole and streamed as lines of JSON, and
// what such programs ask about models. What would change the models of a machine is refused.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { checkMayUse, mayUseModel } from '../../auth/key-policy.ts'
import { plainOrAgent } from '../../compat/model-routes.ts'
import { displayNameOf, modelNames, type ResolvedModel } from '../../compat/models.ts'
import { type CompatApi, type CompatOptions, resolveFor, serveRun } from '../../compat/serve-run.ts'
import { AppError, missingField } from '../../errors.ts'
import { toRequestError } from '../../http/request-errors.ts'
import type { SendError } from '../../http/requested-surface.ts'
import { postOnly, type RouteTable, refuse, registerRoutes } from '../../http/routes.ts'
import type { Frame } from '../../http/sse.ts'
import { parseBody } from '../../http/validate.ts'
import { fieldsOf } from '../../platform/json.ts'
import { ollamaHeaders, ollamaStatus, toErrorBody } from './errors.ts'
import { chatNestedFields } from './fields.ts'
import { toModelList, toShownModel } from './models.ts'
import { ReplyLines, toLoadReply, toReply } from './reply.ts'
import { isLoad, isUnload, type OllamaPlan, toChatRun, toGenerateRun } from './request.ts'
import { ChatRequest, GenerateRequest, ShowRequest } from './schemas.ts'

/**
 * Programs compare it with the version that brought what they need: 0.6.4 for VS Code, 0.13 for Responses at `/v1`. All of
 * that is here, so it is that of a current Ollama.
 */
const ollamaVersion = '0.40.0'

export const sendOllamaError: SendError = (error, _request, reply) =>
  reply.code(ollamaStatus(error)).headers(ollamaHeaders(error)).send(toErrorBody(error))

const modelsAreFixed = 'the models are those of Claude Code, which need no such step: GET /api/tags lists them'

const reasons: readonly [path: RegExp, text: string][] = [
  [/^\/+api\/embed/, 'Claude has no embeddings: use another program for them, such as Ollama itself on another port'],
  [
    /^\/+api\/(?:create|copy)/,
    'another name for a model is set with --model-map, instructions are sent as a system message',
  ],
  [/^\/+v1\//, 'Claude reports no probabilities: use /api/chat with a format'],
]

const notSupported = (path: string) =>
  new AppError(
    'not_found',
    `${path} is not supported: ${reasons.find(([each]) => each.test(path))?.[1] ?? modelsAreFixed}`,
  )

export const ollamaRoutes: RouteTable<CompatOptions> = {
  tag: 'ollama',
  scope: 'chat',
  routes: [
    {
      method: 'POST',
      path: '/api/chat',
      id: 'ollamaChat',
      summary: "Ollama's chat",
      about: `${plainOrAgent} The answer is streamed as lines of JSON unless \`stream\` is false.`,
      body: ChatRequest,
      answers: { 200: { about: 'The answer.', json: 'OllamaChatReply', lines: 'OllamaChatReply' } },
      startsRun: true,
      reportsIgnoredFields: true,
      handler: (options, request, reply) => answer(chatApi, options, request, reply),
    },
    {
      method: 'POST',
      path: '/api/generate',
      id: 'ollamaGenerate',
      summary: "Ollama's generate",
      about: `${plainOrAgent} The answer is streamed as lines of JSON unless \`stream\` is false.`,
      body: GenerateRequest,
      answers: { 200: { about: 'The answer.', json: 'OllamaGenerateReply', lines: 'OllamaGenerateReply' } },
      startsRun: true,
      reportsIgnoredFields: true,
      handler: (options, request, reply) => answer(generateApi, options, request, reply),
    },
    {
      method: 'GET',
      path: '/api/tags',
      id: 'ollamaTags',
      summary: 'List models, as Ollama does',
      answers: { 200: { about: 'The names.', json: 'OllamaModelList' } },
      errors: ['cli'],
      handler: async ({ models, modelMap }, { caller: { key } }) =>
        toModelList(modelNames(await models(), modelMap, (name) => mayUseModel(key, name))),
    },
    {
      method: 'POST',
      path: '/api/show',
      id: 'ollamaShow',
      summary: 'What a model can do',
      body: ShowRequest,
      answers: { 200: { about: 'The model.', json: 'OllamaShownModel' } },
      errors: ['model', 'cli'],
      async handler(options, request) {
        const body = parseBody(ShowRequest, request.body)
        const name = body.model || body.name
        if (!name) throw missingField('model')
        const resolved = await resolve(name, options, request)
        return toShownModel(resolved, displayNameOf(name, await options.models(), options.modelMap))
      },
    },
    {
      method: 'GET',
      path: '/api/ps',
      id: 'ollamaLoaded',
      summary: 'List loaded models: always none',
      about: 'Models are loaded elsewhere. What runs on this machine is shown by `GET /v1/health`.',
      answers: { 200: { about: 'An empty list.', json: 'OllamaLoadedList' } },
      handler: async () => ({ models: [] }),
    },
    {
      method: 'GET',
      path: '/api/version',
      id: 'ollamaVersion',
      summary: 'The version of Ollama whose API this is',
      answers: { 200: { about: 'The version.', json: 'OllamaVersion' } },
      handler: async () => ({ version: ollamaVersion }),
    },
  ],
  refusals: [
    ...['/api/chat', '/api/generate', '/api/show'].map(postOnly),
    ...['pull', 'push', 'create', 'copy', 'delete', 'embed', 'embeddings', 'blobs/*'].map((name) =>
      refuse(`/api/${name}`, notSupported),
    ),
    refuse('/v1/systemone', notSupported),
  ],
}

/** Register this in a scope of its own, because its error handler is meant for these routes only. */
export function registerOllama(app: FastifyInstance, options: CompatOptions): void {
  app.setErrorHandler((thrown, request, reply) => sendOllamaError(toRequestError(thrown, request), request, reply))
  registerRoutes(app, ollamaRoutes, options)
}

type OllamaBody = ChatRequest | GenerateRequest
type OllamaApi<Body extends OllamaBody> = CompatApi<Body, OllamaPlan> & { route: OllamaPlan['route'] }

/** A request without a prompt loads a model in Ollama. Here there is nothing to do, once the model is known to exist. */
async function answer<Body extends OllamaBody>(
  api: OllamaApi<Body>,
  options: CompatOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  if (!isLoad(fieldsOf(request.body))) return serveRun(api, options, request, reply)
  const body = api.parse(request.body)
  await resolve(body.model, options, request)
  const plan = { model: body.model, route: api.route }
  return toLoadReply({ plan, createdAtMs: Date.now() }, isUnload(body) ? 'unload' : 'load')
}

/** Throws if there is no such model, or if the caller may not use it. */
async function resolve(name: string, options: CompatOptions, { caller }: FastifyRequest): Promise<ResolvedModel> {
  const resolved = await resolveFor(caller, name, options)
  checkMayUse(caller.key, resolved.model ?? name)
  return resolved
}

/** In Ollama's API an answer is streamed unless that is switched off. */
const streamedByDefault = <Body extends OllamaBody>(body: Body): Body => ({ ...body, stream: body.stream ?? true })

const shared = {
  schemaParam: () => 'format',
  toReply: (whole, plan, run) => toReply(whole, plan, run.createdAtMs),
  encoder(plan, run) {
    const lines = new ReplyLines(plan, run.createdAtMs)
    return {
      format: 'lines',
      heartbeat: toFrame(lines.silence),
      toFrames: (event) => lines.encode(event).map(toFrame),
      toErrorFrames: (error) => [toFrame(toErrorBody(error))],
    }
  },
} satisfies Pick<CompatApi<OllamaBody, OllamaPlan>, 'schemaParam' | 'toReply' | 'encoder'>

const chatApi: OllamaApi<ChatRequest> = {
  ...shared,
  route: 'chat',
  parse: (body) => streamedByDefault(parseBody(ChatRequest, body)),
  translate: toChatRun,
  nestedFields: chatNestedFields,
}

const generateApi: OllamaApi<GenerateRequest> = {
  ...shared,
  route: 'generate',
  parse: (body) => streamedByDefault(parseBody(GenerateRequest, body)),
  translate: toGenerateRun,
  nestedFields: [],
}

const toFrame = (line: object): Frame => ({ data: JSON.stringify(line) })
