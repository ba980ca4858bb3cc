// Schemas of what clients send to the routes of files. The form that uploads one is read in upload.ts.
import { z } from 'zod'
import { must, text } from '../../../core/schema.ts'

const limitText = must('an integer from 1 to 10000')

/** `GET /v1/files`. */
export const FilesQuery = z.looseObject({
  limit: z.coerce
    .number(limitText)
    .int(limitText)
    .min(1, limitText)
    .max(10_000, limitText)
    .default(10_000)
    .meta({
      description: 'The maximum number of files on a page.',
      integer: { minimum: 1, maximum: 10_000, default: 10_000 },
    }),
  order: z.enum(['asc', 'desc'], must('asc or desc')).default('desc').describe('By the time of creation.'),
  after: text.optional().describe('Continues after the file with this id.'),
  purpose: text.optional().describe('Only files of this purpose.'),
})

export const FileParams = z.looseObject({
  id: text.meta({ description: 'The id of a file.', example: 'file-5c1e9a7b3d2f4860b4a6d8e0' }),
})

const lifeText = must('an integer from 3600 to 2592000')

/** When a file expires: so many seconds after its creation. */
export const ExpiresAfter = z.looseObject(
  {
    anchor: z.literal('created_at', must('created_at')),
    seconds: z.coerce.number(lifeText).int(lifeText).min(3600, lifeText).max(2_592_000, lifeText),
  },
  must('an object with anchor and seconds'),
)

/** The fields of the form of `POST /v1/files`, apart from its file. */
export const UploadFields = z.looseObject({
  purpose: z.literal(
    'batch',
    must('batch: files for other purposes are not stored here, so send them within the request'),
  ),
  expires_after: ExpiresAfter.optional(),
})

/** `POST /v1/files`, for openapi.json. */
export const UploadForm = UploadFields.extend({
  file: z.string().meta({ description: 'The file: lines of JSON, at most 200 MB.', format: 'binary' }),
}).meta({ id: 'OpenAIFileUpload', description: 'A form with a file.' })
