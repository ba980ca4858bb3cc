// The words and options of the command `completion`, for the command line's help and parser. What it does is loaded when it is asked for.
import type { Command } from 'commander'
import type { SetExitCode } from './all.ts'

export function addCompletion(_program: Command, _setExitCode: SetExitCode): void {}
