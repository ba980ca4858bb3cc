// The description of the API that the package brings along (openapi.json, made by scripts/openapi.ts).
import { readFile } from 'node:fs/promises'

export type ApiDocument = { openapi: string; servers: { url: string; description?: string }[]; [part: string]: unknown }

export async function readDocument(): Promise<ApiDocument> {
  return JSON.parse(await readFile(new URL('../../openapi.json', import.meta.url), 'utf8')) as ApiDocument
}
