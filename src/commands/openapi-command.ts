// Declares the command `openapi` for the command line's parser and help. Its implementation is loaded only when it runs.
import type { Command } from 'commander'
import type { SetExitCode } from './command.ts'
import type { OpenapiFlags } from './openapi.ts'

export function addOpenapi(program: Command, setExitCode: SetExitCode): void {
  program
    .command('openapi')
    .description('print the OpenAPI description of the HTTP API as JSON')
    .option('--yaml', 'print YAML')
    .addHelpText('after', '\nA running server returns it at /openapi.json, and shows it as a web page at /docs.')
    .action(async (flags: OpenapiFlags) => {
      setExitCode(await (await import('./openapi.ts')).printOpenapi(flags))
    })
}
