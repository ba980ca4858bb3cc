// The command `openapi`: prints the description of the HTTP API. It needs no server. Not for what the description says (see
// scripts/openapi.ts).
import { readDocument } from '../web/api-document.ts'
import { type ExitCode, print, printJson, runCommand } from './command.ts'

export type OpenapiFlags = { yaml?: boolean }

export function printOpenapi({ yaml = false }: OpenapiFlags): Promise<ExitCode> {
  return runCommand('openapi', async () => {
    const document = await readDocument()
    if (!yaml) return printJson(document)
    const { stringify } = await import('yaml')
    print(stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd())
  })
}
