// The words and options of the command `openapi`, for the command line's help and parser. What it does is loaded when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from './command.ts'
import type { OpenapiFlags } from './openapi.ts'

export function addOpenapi(program: Command, setExitCode: SetExitCode): void {
  program
    .command('openapi')
    .description('print the OpenAPI description of the HTTP API, as JSON')
    .option('--yaml', 'print YAML')
    .addHelpText('after', '\nA running server gives it under /openapi.json, and under /docs as a page.')
    .action(async (flags: OpenapiFlags) => {
      setExitCode(await (await import('./openapi.ts')).printOpenapi(flags))
    })
}
