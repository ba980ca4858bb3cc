// The case with the real CLI.
import './instructions-only.test.ts'
