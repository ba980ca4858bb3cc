// The routes of files: upload, read, list and delete them. They are for batches only.
import { ownRuns } from '../../../auth/authenticate.ts'
import type { StoredFile } from '../../../core/batches/batches.ts'
import { findOwnFile } from '../../../http/own-run.ts'
import type { RouteRequest, RouteTable } from '../../../http/routes.ts'
import { sendPieces } from '../../../http/sse.ts'
import { parseQuery } from '../../../http/validate.ts'
import type { OpenaiOptions } from '../shared/options.ts'
import { contentOf } from './content.ts'
import type { FileDeleted, FileList, FileReply } from './reply-schemas.ts'
import { FileParams, FilesQuery, UploadForm } from './schemas.ts'
import { formLimits, receiveFile } from './upload.ts'

const path = '/v1/files'
const shared = { isShared: true, errors: ['storedFile'] } as const
const ofFile = { ...shared, params: FileParams } as const

export const fileRoutes: RouteTable<OpenaiOptions> = {
  tag: 'openai',
  scope: 'chat',
  routes: [
    {
      ...shared,
      method: 'POST',
      path,
      id: 'uploadFile',
      summary: 'Upload a file for a batch',
      about:
        'A form with the fields `file`, at most 200 MB, and `purpose`, which must be `batch`. The request needs an `authorization` or `x-api-key` header, which web pages cannot send by themselves. The file is kept for 30 days, or as long as `expires_after` says.',
      form: UploadForm,
      takesForms: true,
      answers: { 200: { about: 'The file.', json: 'OpenAIFile' } },
      async handler({ store }, request) {
        const owner = request.caller.key?.id ?? null
        return toReply(
          await receiveFile(() => request.parts({ limits: formLimits }), { store, owner, nowMs: Date.now() }),
        )
      },
    },
    {
      ...shared,
      method: 'GET',
      path,
      id: 'listFiles',
      summary: 'List files',
      query: FilesQuery,
      answers: { 200: { about: 'A page.', json: 'OpenAIFileList' } },
      handler: listFiles,
    },
    {
      ...ofFile,
      method: 'GET',
      path: `${path}/:id`,
      id: 'getFile',
      summary: 'A file',
      answers: { 200: { about: 'The file.', json: 'OpenAIFile' } },
      handler: async (options, request) => toReply(await find(options, request)),
    },
    {
      ...ofFile,
      method: 'GET',
      path: `${path}/:id/content`,
      id: 'getFileContent',
      summary: 'The content of a file',
      answers: { 200: { about: 'Its bytes.', text: 'application/octet-stream' } },
      async handler(options, request, reply) {
        const file = await find(options, request)
        return sendPieces(reply, contentOf(options.store, file), 'application/octet-stream')
      },
    },
    {
      ...ofFile,
      method: 'DELETE',
      path: `${path}/:id`,
      id: 'deleteFile',
      summary: 'Delete a file',
      about: 'A batch that was created from it goes on. With a file of results the results are deleted.',
      mayBeEmpty: true,
      answers: { 200: { about: 'Deleted.', json: 'OpenAIFileDeleted' } },
      async handler(options, request): Promise<FileDeleted> {
        const { id } = await find(options, request)
        await options.store.deleteFile(id)
        return { id, object: 'file', deleted: true }
      },
    },
  ],
}

const find = ({ store }: OpenaiOptions, { caller, params: { id } }: RouteRequest): Promise<StoredFile> =>
  findOwnFile(store, caller, { id, field: 'file_id', nowMs: Date.now() })

async function listFiles({ store }: OpenaiOptions, { caller, query }: RouteRequest): Promise<FileList> {
  const { limit, order, after, purpose } = parseQuery(FilesQuery, query)
  const where = { ...(after === undefined ? {} : { after }), ...(purpose === undefined ? {} : { purpose }) }
  // One more than requested, to find out whether there is a next page.
  const found = await store.files({ ...ownRuns(caller), ...where, limit: limit + 1, order })
  const page = found.slice(0, limit)
  return {
    object: 'list',
    data: page.map(toReply),
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
    has_more: found.length > limit,
  }
}

const toSeconds = (ms: number) => Math.floor(ms / 1000)

const toReply = ({ id, bytes, createdAtMs, expiresAtMs, name, purpose }: StoredFile): FileReply => ({
  id,
  object: 'file',
  bytes,
  created_at: toSeconds(createdAtMs),
  ...(expiresAtMs === null ? {} : { expires_at: toSeconds(expiresAtMs) }),
  filename: name,
  purpose,
  status: 'processed',
})
