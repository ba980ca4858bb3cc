// The combinations that auxiliary-requests.test.ts leaves out.
import './auxiliary-requests.test.ts'
