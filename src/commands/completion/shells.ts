// The shells that completion scripts exist for. It is loaded at every start, for help.

export const shells = ['bash', 'zsh', 'fish'] as const

export type Shell = (typeof shells)[number]
