// Arguments and options of the command `chat`, for the parser and the help. The command itself is in chat.ts, which is loaded on demand.
import { type Command, Option } from 'commander'
import { optionRows } from '../../core/run-options.ts'
import type { SetExitCode } from '../command.ts'
import { addServerOptions } from '../server-client.ts'
import type { ChatFlags } from './request.ts'

const collect = (value: string, earlier: string[] | undefined) => [...(earlier ?? []), value]

export function addChat(program: Command, setExitCode: SetExitCode): void {
  const command = program
    .command('chat')
    .description('send Claude Code a prompt and print the answer, or talk to it if no prompt is passed')
    .argument('[prompt...]', 'the prompt; text from stdin is appended to it')
  for (const { flag } of optionRows) {
    if (flag === undefined) continue
    const { name, short, placeholder, description, isList } = flag
    const option = new Option(`${short === undefined ? '' : `-${short}, `}--${name} ${placeholder}`, description)
    if (isList) option.argParser(collect)
    command.addOption(option)
  }
  command
    .addOption(new Option('--system <text>', 'the same as --system-prompt').hideHelp())
    .option('--image <file>', 'an image to send with the prompt; repeatable', collect)
    .option('--file <file>', 'a text, a PDF or an image to send with the prompt; repeatable', collect)
    .option('-s, --session <id>', 'continue this session')
    .option('-c, --continue', 'continue the most recent session of the folder')
    .option('--cwd <folder>', 'the folder to work in (default: the current one)')
    .option('--no-cwd', "work in the server's default folder")
    .option('--verbose', 'show thinking and tools on stderr')
  addServerOptions(command)
    .addHelpText(
      'after',
      '\nWith --json, only the result is printed, at the end: the answer, its session, cost and usage.' +
        '\nCtrl-C cancels the run. Put -- before a prompt that starts with a dash.' +
        '\n\nWithout a prompt, on a terminal, it is a conversation: permissions are requested there, the up key' +
        '\nbrings earlier prompts back, and /help lists its commands. Ctrl-C stops an answer, Ctrl-D leaves.',
    )
    .action(async (words: string[], flags: ChatFlags) => {
      setExitCode(await (await import('./chat.ts')).chat(words, flags))
    })
}
