// Hog is an engine that wants more memory than it may have: it takes one MiB after another and uses it.
package main

import (
	"fmt"
	"time"
)

func main() {
	fmt.Println("the hog begins")
	var all [][]byte
	for {
		part := make([]byte, 1<<20)
		for i := range part {
			part[i] = byte(i)
		}
		all = append(all, part)
		if len(all)%64 == 0 {
			fmt.Println(len(all), "MiB")
			time.Sleep(time.Millisecond)
		}
	}
}
