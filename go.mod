module github.com/masaruk/devops

go 1.26
