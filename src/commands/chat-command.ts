// The words and options of the command `chat`, for the command line's help and parser. What it does is loaded when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from './all.ts'

export function addChat(_program: Command, _setExitCode: SetExitCode): void {}
