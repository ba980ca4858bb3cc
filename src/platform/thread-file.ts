// Where the file of a thread is. If the program is compiled, so is that file, but the compiler does not rewrite a name in a string.

/** The URL of the file `name`, without its ending, in the folder of the module whose `import.meta.url` is `module`. */
export const threadFile = (name: string, module: string): URL =>
  new URL(`./${name}${module.endsWith('.ts') ? '.ts' : '.js'}`, module)
