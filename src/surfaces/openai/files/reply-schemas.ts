// Schemas of what the routes of files return. Strict, so that tests catch any undeclared field.
import { z } from 'zod'
import { strict } from '../../../core/schema.ts'

export const FileReply = strict('OpenAIFile', 'A file.', {
  id: z.string(),
  object: z.literal('file'),
  bytes: z.int(),
  created_at: z.int(),
  expires_at: z.int().optional(),
  filename: z.string(),
  purpose: z.string(),
  status: z.literal('processed'),
})
export type FileReply = z.output<typeof FileReply>

export const FileList = strict('OpenAIFileList', 'A page of files.', {
  object: z.literal('list'),
  data: z.array(FileReply),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
})
export type FileList = z.output<typeof FileList>

export const FileDeleted = strict('OpenAIFileDeleted', 'Confirms that a file was deleted.', {
  id: z.string(),
  object: z.literal('file'),
  deleted: z.literal(true),
})
export type FileDeleted = z.output<typeof FileDeleted>
