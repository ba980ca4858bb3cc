// The routes for sessions: the checks a request must pass before a file is touched, and which sessions a caller may
// see. The CLI's own files are the source of truth; the store adds what they do not contain. routes.ts sends the
// errors.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Caller } from '../../auth/authenticate.ts'
import {
  pageOfSessions,
  SessionAccess,
  type SessionFiles,
  type SessionInfo,
  searchSessions,
  sessionNotFound,
} from '../../core/sessions.ts'
import type { SessionFactsStore, UsageStore } from '../../core/store.ts'
import { AppError, invalidField } from '../../errors.ts'
import { allowEmptyBodies, routesNeed } from '../../http/route-options.ts'
import { parseBody } from '../../http/validate.ts'
import { toMessageList, toSessionReply, toSummary } from './session-replies.ts'
import type { MessageList, SessionList, SessionReply } from './session-reply-schemas.ts'
import { MessageListQuery, SessionFork, SessionListQuery, SessionPatch } from './session-schemas.ts'

export type SessionOptions = {
  files: SessionFiles
  store: SessionFactsStore & UsageStore
  /** The id of the run that is using the session. */
  holder(id: string): string | null
  /** Ends an idle process that holds the session; returns false while the process is busy. */
  release(id: string): Promise<boolean>
  /** Real paths of the folders whose sessions a caller may see; null allows any. */
  cwdRoots(caller: Caller): readonly string[] | null
}

export function registerSessions(parent: FastifyInstance, options: SessionOptions): void {
  parent.register(async (app) => {
    routesNeed(app, 'agent')
    allowEmptyBodies(app)
    app.get('/v1/sessions', (request) => list(options, request))
    app.get('/v1/sessions/:id', async (request) => describe(options, await find(options, request)))
    app.get('/v1/sessions/:id/messages', (request) => messages(options, request))
    app.patch('/v1/sessions/:id', (request) => rename(options, request))
    app.post('/v1/sessions/:id/fork', (request, reply) => fork(options, request, reply))
    app.delete('/v1/sessions/:id', (request, reply) => remove(options, request, reply))
  })
}

/** The query without empty parameters, which count as absent. */
const withoutEmpty = (query: unknown) =>
  Object.fromEntries(Object.entries(query as Record<string, unknown>).filter(([, value]) => value !== ''))

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/

/** In lower case: the CLI treats two spellings of an id as two sessions. It also takes a title for an id. */
function checkId(request: FastifyRequest): string {
  const id = (request.params as { id: string }).id.toLowerCase()
  if (!uuid.test(id)) throw invalidField('id', 'must be the id of a session, a UUID')
  return id
}

/** A session in a folder that is not allowed looks like one that does not exist. */
async function find({ files, cwdRoots }: SessionOptions, request: FastifyRequest): Promise<SessionInfo> {
  const id = checkId(request)
  const session = await files.get(id)
  if (!(await new SessionAccess(cwdRoots(request.caller)).allows(session))) throw sessionNotFound(id)
  return session
}

async function list(options: SessionOptions, request: FastifyRequest): Promise<SessionList> {
  const { cwd, q, limit, cursor = null } = parseBody(SessionListQuery, withoutEmpty(request.query))
  const roots = options.cwdRoots(request.caller)
  const access = new SessionAccess(roots)
  const folder = cwd === undefined ? null : await access.resolve(cwd)
  // Without filters, the files of later pages need not be opened.
  const isWhole = folder === null && q === undefined && cursor === null && roots === null
  const all = await options.files.list({ cwd: folder, limit: isWhole ? limit + 1 : null })
  const allowed = await access.allowed(folder === null ? all : await access.within(all, folder))
  const page = pageOfSessions(q === undefined ? allowed : searchSessions(allowed, q), { limit, cursor })
  const facts = await options.store.sessions(page.items.map(({ id }) => id))
  const sessions = page.items.map((session) =>
    toSummary(session, {
      facts: facts.find(({ id }) => id === session.id) ?? null,
      runId: options.holder(session.id),
    }),
  )
  return { sessions, next_cursor: page.nextCursor }
}

async function messages(options: SessionOptions, request: FastifyRequest): Promise<MessageList> {
  const { limit, cursor = null } = parseBody(MessageListQuery, withoutEmpty(request.query))
  const { id } = await find(options, request)
  return toMessageList(await options.files.messages(id, { limit, cursor }))
}

async function rename(options: SessionOptions, request: FastifyRequest): Promise<SessionReply> {
  checkId(request)
  const { title } = parseBody(SessionPatch, request.body)
  const { id } = await find(options, request)
  await options.files.rename(id, title)
  return describe(options, await options.files.get(id))
}

async function describe({ store, holder }: SessionOptions, session: SessionInfo): Promise<SessionReply> {
  const { id } = session
  const [facts = null] = await store.sessions([id])
  const period = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }
  const [usage = null] = await store.usage({ ...period, groupBy: 'session', sessionId: id })
  return toSessionReply(session, { facts, runId: holder(id), usage })
}

async function fork(options: SessionOptions, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  checkId(request)
  const { title } = parseBody(SessionFork, request.body ?? {})
  const { files, store } = options
  const session = await find(options, request)
  const copy = await files.get(await files.fork(session.id, title ?? null))
  const [facts] = await store.sessions([session.id])
  if (facts !== undefined) {
    const now = Date.now()
    await store.upsertSession({ ...facts, id: copy.id, createdAtMs: now, lastUsedAtMs: now })
  }
  return reply
    .code(201)
    .header('location', `/v1/sessions/${copy.id}`)
    .send(await describe(options, copy))
}

async function remove(options: SessionOptions, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { id } = await find(options, request)
  // An idle process would write the file again.
  if (options.holder(id) !== null || !(await options.release(id))) {
    const text = `A run is using session ${id}; cancel it or wait for it to end.`
    throw new AppError('conflict', text, { sessionId: id })
  }
  await options.files.remove(id)
  await options.store.deleteSession(id)
  return reply.code(204).send()
}
