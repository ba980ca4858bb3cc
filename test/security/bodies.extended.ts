// The combinations that bodies.test.ts leaves out.
import './bodies.test.ts'
