// The combinations that cancel.test.ts leaves out.
import './cancel.test.ts'
