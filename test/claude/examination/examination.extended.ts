// Further changes of the CLI.
import './examination.test.ts'
